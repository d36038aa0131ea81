import type { UpdateConfig } from '../config/update-config.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { CommandResult } from '../protocol/index.ts'
import type { Stage } from './failure.ts'
import type { UpdateRecord } from './record.ts'

export interface UpdateRequest {
  command_id: string
  /** A version or a dist-tag. */
  requested: string
  allow_downgrade: boolean
  origin: UpdateRecord['origin']
}

/**
 * Reports whether an update was requested by a server, with a command or with its refusal of the running
 * version.
 */
export const isOrdered = ({ origin }: Pick<UpdateRequest, 'origin'>) =>
  origin === 'server' || origin === 'refusal'

/**
 * Command line of a process (the runtime, the program, and the program's arguments), and the environment of
 * the process.
 */
export interface Started {
  runner: readonly string[]
  argv: readonly [string, ...string[]]
  env: NodeJS.ProcessEnv
}

export interface OrderPolicy {
  /** Reports whether the new version must be signed with a release key. */
  isSignatureRequired(): boolean
  /**
   * Checks a version or a dist-tag that a server has ordered, or named when it refused this version.
   * @throws UpdateFailure if this machine does not permit the update, or does not permit it at this time
   */
  check(version: string, origin: UpdateRequest['origin']): void
}

export interface UpdatesOptions {
  stateDir: string
  /** Version of this program. */
  running: string
  policy: UpdateConfig
  /** Policy of this machine for updates that a server orders. */
  orders: OrderPolicy
  /** Command line and environment of this process. */
  started: Started
  supervised: boolean
  clock: Clock
  logger: Logger
  onProgress(commandId: string, stage: Stage, message?: string): void
  onChange(record: UpdateRecord): void
  /** Reports the result of an update that an earlier process began. */
  onSettled(result: CommandResult): void
  /** Ends this daemon, so that the program at `entry` starts instead of it. */
  restart(entry: string): void
}
