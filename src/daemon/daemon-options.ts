import type { DaemonConfig } from '../config/daemon-config.ts'
import type { StatePaths } from '../config/paths.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { ResultOf } from '../protocol/index.ts'
import type { Invocation } from './relaunch.ts'

export interface DaemonOptions {
  config: DaemonConfig
  paths: StatePaths
  clock: Clock
  logger: Logger
  /** Command line and environment of this process. */
  invocation: Invocation
  supervised: boolean
  /** Ends this daemon and starts the next daemon, with the same program or the program at `entry`. */
  restart(entry?: string): ResultOf<'daemon:restart'>
}
