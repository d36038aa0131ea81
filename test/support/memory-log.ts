import { createLogger, type Logger } from '../../src/platform/log.ts'

type Entry = { msg: string } & Record<string, unknown>

/** Returns a logger whose entries a test can read. */
export function memoryLog(): { logger: Logger; lines: Entry[] } {
  const lines: Entry[] = []
  const note = (facts: object, msg: string) => void lines.push({ ...facts, msg })
  const logger = createLogger({ level: 'silent', stderr: 'none' })
  return {
    logger: Object.assign(Object.create(logger) as Logger, { info: note, warn: note, error: note }),
    lines,
  }
}
