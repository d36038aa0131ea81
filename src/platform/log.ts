import { closeSync, constants, fstatSync, openSync, renameSync, writeSync } from 'node:fs'
import { type Logger, multistream, pino, stdSerializers } from 'pino'
import { isInTheWay, setAside } from './plain-files.ts'
import { visible, visibleJson } from './visible-text.ts'

export type { Logger }

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** `text` for people, `json` for programs. */
export const LOG_FORMATS = ['text', 'json', 'none'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

export interface LogOptions {
  level: LogLevel
  /** Additional log file, as JSON lines, readable only by its owner. */
  file?: string
  stderr?: LogFormat
}

/** Size in bytes from which a log file is moved to `<file>.1`, which replaces the previous one. */
const ROTATE_BYTES = 8 * 1024 * 1024

/** Names of fields that may contain a secret, including all that the protocol marks as secret. */
const SECRETS = new Set(['key', 'token', 'authorization', 'env', 'environment', 'mcp_servers', 'answers'])

/** Maximum depth of an entry. Deeper values are omitted. */
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
    // Levels are already filtered.
    multistream(streams.map((entry) => ({ ...entry, level: 'trace' as const }))),
  )
}

/** Replaces secrets at any depth. An error stays in the form of its serializer. */
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

/**
 * Formats a log entry as one line for people; other text stays. Escapes characters that a terminal would
 * obey.
 */
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

/** Formats a log entry as JSON for programs. Other text becomes the message of an entry. */
export const jsonLogLine = (line: string): string =>
  `${visibleJson(JSON.stringify(entryOf(line) ?? { msg: line.trimEnd() }))}\n`

function entryOf(line: string): Record<string, unknown> | undefined {
  try {
    const entry: unknown = JSON.parse(line)
    return typeof entry === 'object' && entry !== null ? (entry as Record<string, unknown>) : undefined
  } catch {
    // The line is torn, or from another program.
    return undefined
  }
}

/** Opens a log file. It may link to a device or be a pipe: output that it does not accept at once is lost. */
function openLog(path: string): number {
  const open = () =>
    openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK, 0o600)
  try {
    return open()
  } catch (error) {
    if (!isInTheWay(path, error)) throw error
    setAside(path)
    return open()
  }
}

function rotatingFile(path: string) {
  let fd = openLog(path)
  let size = fstatSync(fd).size
  const rotate = () => {
    // If the file cannot be moved, keep writing to it, and try again after the same amount.
    size = 0
    renameSync(path, `${path}.1`)
    const next = openLog(path)
    closeSync(fd)
    fd = next
  }
  return {
    write: (line: string) =>
      quietly(() => {
        if (size > ROTATE_BYTES) quietly(rotate)
        size += writeSync(fd, visibleJson(line))
      }),
  }
}

/** Ignores a full disk or a closed terminal, which must not end the program that logs. */
function quietly(write: () => void) {
  try {
    write()
  } catch {
    // There is nowhere to report it.
  }
}
