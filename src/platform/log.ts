import { writeSync } from 'node:fs'
import { type Logger, multistream, pino, stdSerializers } from 'pino'
import { isReadByJournald } from './journald.ts'
import { quietly, rotatingFile } from './log-file.ts'
import { formatLogLine, journaldLogLine } from './log-line.ts'
import type { LogOptions } from './log-options.ts'
import { visibleJson } from './visible-text.ts'

export type { Logger }

/** Names of fields that may contain a secret, including all that the protocol marks as secret. */
const SECRETS = new Set([
  'key',
  'token',
  'secret',
  'authorization',
  'env',
  'environment',
  'mcp_servers',
  'answers',
  'payload',
  'endpoint',
  'auth',
])

/** Maximum nesting depth of a log entry. Deeper values are omitted. */
const DEPTH = 8

export function createLogger({ level, file, stderr = 'text' }: LogOptions): Logger {
  const streams: { stream: { write(line: string): void } }[] = []
  if (file !== undefined) {
    const log = rotatingFile(file)
    streams.push({ stream: { write: (line) => log.write(visibleJson(line)) } })
  }
  if (stderr !== 'none') {
    const form = formOf(stderr)
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
    // The logger itself filters by level, so each stream accepts all levels.
    multistream(streams.map((entry) => ({ ...entry, level: 'trace' as const }))),
  )
}

/** Returns the function that formats entries for standard error. */
function formOf(format: 'text' | 'json'): (line: string) => string {
  if (isReadByJournald(process.env)) return (line) => journaldLogLine(line, format)
  return format === 'json' ? visibleJson : formatLogLine
}

/** Replaces secrets at any depth. Errors stay unchanged here: their serializer removes the secrets. */
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
