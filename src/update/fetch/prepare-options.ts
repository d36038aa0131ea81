import type { UpdateConfig } from '../../config/update-config.ts'
import type { Stage } from '../failure.ts'
import type { UpdateRecord } from '../record.ts'
import type { Target } from '../switch/target.ts'

/** The settings of this machine that determine the source of new versions. */
export type Policy = Pick<UpdateConfig, 'package' | 'registry' | 'signatures'>

/** A request for a version, and everything on this machine that its preparation depends on. */
export interface PrepareOptions {
  target: Target
  /** Version of this program. */
  running: string
  /** The requested version or dist-tag. */
  requested: string
  origin: UpdateRecord['origin']
  allowDowngrade: boolean
  policy: Policy & Pick<UpdateConfig, 'allow_downgrade' | 'allow_insecure' | 'max_age_days'>
  stateDir: string
  /** Path of Node, which runs the program; empty for an executable. */
  runner: readonly string[]
  env: NodeJS.ProcessEnv
  signal: AbortSignal
  progress(stage: Stage, message: string): void
  /** Reports a problem that does not stop the update. */
  warn(message: string): void
  /** Called with the exact version to which the registry resolves the request. */
  onResolved(resolved: string): void
}
