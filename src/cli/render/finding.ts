import type { Colors } from './ansi.ts'
import { clean } from './clean.ts'

/** Result of one check of `doctor`. */
export interface Finding {
  /** Stable name of the check, for programs. */
  check: string
  level: 'ok' | 'info' | 'warning' | 'error'
  message: string
  remedy?: string
  /** Set if the running daemon, and not this command, found the problem. */
  seen_by?: 'daemon'
  /** A problem that the daemon reports: its code, its start, and its expected end (ISO 8601). */
  code?: string
  since?: string
  until?: string
  /**
   * Sources of trusted certificate authorities (`node`: Node's own, `system`: the keychain),
   * and their counts.
   */
  authorities?: { path: string; certificates?: number }[]
  /** Processes that `--fix` ends. */
  strays?: Stray[]
  /** Processes that claim to belong to an agent, without proof. `--fix` does not end these processes. */
  unproven?: Stray[]
}

/** An orphaned process of an agent. */
export interface Stray {
  pid: number
  start: string
  boot_id: string
  command: string
  /** The folder of its agent. */
  agent_dir: string
  /** `removed`: the folder is gone. `ended`: the process outlived its agent. */
  why: 'removed' | 'ended'
}

export function findingText(
  { level, message, remedy, seen_by }: Finding,
  { green, yellow, red, dim }: Colors,
): string {
  const mark = { ok: green('✓'), info: dim('·'), warning: yellow('!'), error: red('✗') }[level]
  return `${mark} ${seen_by ? 'The daemon sees: ' : ''}${clean(message)}${remedy === undefined ? '' : dim(`\n  → ${clean(remedy)}`)}`
}
