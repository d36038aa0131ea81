import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'
import { type Logger, multistream, pino, stdSerializers } from 'pino'
import { visible, visibleJson } from './visible.ts'

export type { Logger }

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** `text` for people, `json` for programs. */
export const LOG_FORMATS = ['text', 'json', 'none'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

export interface LogOptions {
  level: LogLevel
  /** Also into this file, as JSON lines, readable by its owner only. */
  file?: string
  stderr?: LogFormat
}

/** A log file this long is moved to `<file>.1`; the one before it goes. */
const ROTATE_BYTES = 8 * 1024 * 1024

/** Names under which a secret could come into a log entry, those of all that the protocol marks as secret among them. */
const SECRETS = new Set(['key', 'token', 'authorization', 'env', 'environment', 'mcp_servers', 'answers'])

/** What an entry has deeper than this is left out. */
const DEPTH = 8

export function createLogger({ level, file, stderr = 'text' }: LogOptions): Logger {
  const streams: { stream: { write(line: string): void } }[] = []
  if (file !== undefined) streams.push({ stream: rotatingFile(file) })
  if (stderr !== 'none') {
    const form = stderr === 'json' ? visibleJson : formatLogLine
    streams.push({ stream: { write: (line) => quietly(() => writeSync(2, form(line))) } })
  }
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (entry) => withoutSecrets(entry) as Record<string, unknown>,
      },
      serializers: { err: (error) => withoutSecrets({ ...stdSerializers.err(error) }) },
    },
    // Levels were filtered already.
    multistream(streams.map((entry) => ({ ...entry, level: 'trace' as const }))),
  )
}

/** Wherever they are in it. An error is as its serializer makes it. */
function withoutSecrets(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Error) return value
  if (depth > DEPTH) return '…'
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      name,
      SECRETS.has(name) ? '[secret]' : withoutSecrets(part, depth + 1),
    ]),
  )
}

/** A log entry as one line for people, and what is no log entry as it is; without anything that a terminal would obey. */
export function formatLogLine(line: string): string {
  const entry = entryOf(line)
  if (!entry) return `${visible(line.trimEnd())}\n`
  const { time, level, msg, err, ...rest } = entry
  const error = err === undefined ? '' : ` (${(err as { message?: string } | null)?.message ?? String(err)})`
  const details = Object.entries(rest).map(
    ([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const text = `${String(time).slice(0, 19).replace('T', ' ')} ${String(level).padEnd(5)} ${msg ?? ''}${error}${details.join('')}`
  return `${visible(text)}\n`
}

/** The same for programs: always JSON. What is no log entry is the message of one. */
export const jsonLogLine = (line: string): string =>
  `${visibleJson(JSON.stringify(entryOf(line) ?? { msg: line.trimEnd() }))}\n`

function entryOf(line: string): Record<string, unknown> | undefined {
  try {
    const entry: unknown = JSON.parse(line)
    return typeof entry === 'object' && entry !== null ? (entry as Record<string, unknown>) : undefined
  } catch {
    // Torn, or somebody else's.
    return undefined
  }
}

function rotatingFile(path: string) {
  let fd = openSync(path, 'a', 0o600)
  let size = fstatSync(fd).size
  return {
    write: (line: string) =>
      quietly(() => {
        if (size > ROTATE_BYTES) {
          renameSync(path, `${path}.1`)
          closeSync(fd)
          fd = openSync(path, 'a', 0o600)
          size = 0
        }
        size += writeSync(fd, visibleJson(line))
      }),
  }
}

/** A full disk or a closed terminal must not end what is being logged about. */
function quietly(write: () => void) {
  try {
    write()
  } catch {
    // There is nowhere left to say so.
  }
}
