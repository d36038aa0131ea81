import type { Colors } from './ansi.ts'
import { clean } from './clean.ts'

/** What a look at one thing has shown. */
export interface Finding {
  /** Stable, for programs. */
  check: string
  level: 'ok' | 'warning' | 'error'
  message: string
  remedy?: string
  /** Where the authorities that servers are checked by are (`node`: its own, `system`: the keychain), and how many. */
  authorities?: { path: string; certificates?: number }[]
  /** Processes that `--fix` ends. */
  strays?: Stray[]
}

/** A process of an agent that nobody looks after any more. */
export interface Stray {
  pid: number
  start: string
  boot_id: string
  command: string
  /** The folder of its agent. */
  agent_dir: string
  /** `removed`: the folder is gone. `ended`: the agent has ended without it. */
  why: 'removed' | 'ended'
}

export function findingText(
  { level, message, remedy }: Finding,
  { green, yellow, red, dim }: Colors,
): string {
  const mark = { ok: green('✓'), warning: yellow('!'), error: red('✗') }[level]
  return `${mark} ${clean(message)}${remedy === undefined ? '' : dim(`\n  → ${clean(remedy)}`)}`
}
