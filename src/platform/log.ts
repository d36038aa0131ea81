import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'
import { type Logger, multistream, pino } from 'pino'
import { visible } from './visible.ts'

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

/** Names under which a secret could come into a log entry. */
const SECRETS = ['key', 'token', 'authorization', 'env', 'environment']

export function createLogger({ level, file, stderr = 'text' }: LogOptions): Logger {
  const streams: { stream: { write(line: string): void } }[] = []
  if (file !== undefined) streams.push({ stream: rotatingFile(file) })
  if (stderr !== 'none') {
    const form = stderr === 'json' ? (line: string) => line : formatLogLine
    streams.push({ stream: { write: (line) => quietly(() => writeSync(2, form(line))) } })
  }
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[secret]' },
    },
    // Levels were filtered already.
    multistream(streams.map((entry) => ({ ...entry, level: 'trace' as const }))),
  )
}

/** A log entry as one line for people. What is no log entry stays as it is. */
export function formatLogLine(line: string): string {
  let entry: Record<string, unknown>
  try {
    entry = JSON.parse(line)
  } catch {
    return line
  }
  const { time, level, msg, err, ...rest } = entry
  const error = err === undefined ? '' : ` (${(err as { message?: string }).message ?? String(err)})`
  const details = Object.entries(rest).map(
    ([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const text = `${String(time).slice(0, 19).replace('T', ' ')} ${String(level).padEnd(5)} ${msg ?? ''}${error}${details.join('')}`
  return `${visible(text)}\n`
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
        size += writeSync(fd, line)
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
