import type { DaemonFlags } from '../../config/sources.ts'
import type { Step } from '../../service/steps.ts'

/** Settings of a hand-written service, in the form that an installed service has. */
export interface TakenOver {
  user: string
  /** Flags of the daemon, without the key. */
  flags: DaemonFlags
  key: string | undefined
  stateDir: string
  /** PATH of the service, if it sets one. */
  path: string | undefined
  /** All other variables. Some of them may be secret. */
  environment: Record<string, string>
  /** Steps before the new service is written: they keep copies of the old files. */
  steps: Step[]
  notes: string[]
}
