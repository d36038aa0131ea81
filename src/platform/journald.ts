import { fstatSync } from 'node:fs'

/** Priorities of syslog, by log level. */
const PRIORITIES: Record<string, number> = { fatal: 2, error: 3, warn: 4, info: 6, debug: 7, trace: 7 }

/** Reports whether journald reads this process's standard error, rather than a file or a terminal. */
export function isReadByJournald({ JOURNAL_STREAM }: NodeJS.ProcessEnv): boolean {
  if (JOURNAL_STREAM === undefined) return false
  try {
    const { dev, ino } = fstatSync(2, { bigint: true })
    return JOURNAL_STREAM === `${dev}:${ino}`
  } catch {
    return false
  }
}

/** Prefixes each line of a text with the priority of a log level, in the form of sd-daemon(3). */
export const withPriority = (text: string, level: string): string =>
  text.replace(/^(?=.)/gm, `<${PRIORITIES[level] ?? PRIORITIES.info}>`)
