import type { Colors } from './ansi.ts'
import { clean } from './clean.ts'

/** What a look at one thing has shown. */
export interface Finding {
  /** Stable, for programs. */
  check: string
  level: 'ok' | 'info' | 'warning' | 'error'
  message: string
  remedy?: string
  /** What the daemon that runs has found, not this command. */
  seen_by?: 'daemon'
  /** Of a problem that the daemon reports: its code, since when, and when it is expected to pass (ISO 8601). */
  code?: string
  since?: string
  until?: string
  /** Where the authorities that servers are checked by are (`node`: its own, `system`: the keychain), and how many. */
  authorities?: { path: string; certificates?: number }[]
  /** Processes that `--fix` ends. */
  strays?: Stray[]
  /** Processes that say they are an agent's, and that nothing proves to be. `--fix` leaves them alone. */
  unproven?: Stray[]
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
  { level, message, remedy, seen_by }: Finding,
  { green, yellow, red, dim }: Colors,
): string {
  const mark = { ok: green('✓'), info: dim('·'), warning: yellow('!'), error: red('✗') }[level]
  return `${mark} ${seen_by ? 'The daemon sees: ' : ''}${clean(message)}${remedy === undefined ? '' : dim(`\n  → ${clean(remedy)}`)}`
}
