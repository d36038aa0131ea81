import { readFileSync } from 'node:fs'

/** The end of what an agent said. */
const CHARS = 2000

/** Why an agent ended before it was ready: what it last wrote to stderr. */
export function ownWords(stderrPath: string, exitCode: number | undefined) {
  let words = ''
  try {
    words = readFileSync(stderrPath, 'utf8')
      .slice(-CHARS)
      .trim()
      .replace(/^error: /i, '')
  } catch {
    // It wrote none.
  }
  return {
    code: 'start_failed',
    message: words || `The agent ended before it was ready (exit code ${exitCode ?? 'unknown'}).`,
  }
}
