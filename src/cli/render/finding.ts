import type { Colors } from './ansi.ts'
import { clean } from './clean.ts'

/** What a look at one thing has shown. */
export interface Finding {
  /** Stable, for programs. */
  check: string
  level: 'ok' | 'warning' | 'error'
  message: string
  remedy?: string
}

export function findingText(
  { level, message, remedy }: Finding,
  { green, yellow, red, dim }: Colors,
): string {
  const mark = { ok: green('✓'), warning: yellow('!'), error: red('✗') }[level]
  return `${mark} ${clean(message)}${remedy === undefined ? '' : dim(`\n  → ${clean(remedy)}`)}`
}
