import type { Logger } from '../platform/log.ts'
import type { Agent } from './agent.ts'
import type { AgentContext } from './agent-context.ts'
import type { Permit } from './permit.ts'
import type { Shelter } from './process/launch.ts'
import type { LaunchQueueOptions } from './process/launch-queue.ts'
import type { MemoryRoom } from './process/memory-room.ts'
import type { RuntimeAdapter } from './runtimes/runtime.ts'
import type { RepositoryTrust } from './trust/repository-trust.ts'

export interface AgentPoolOptions
  extends Omit<AgentContext<Agent>, 'onChange' | 'onEvent' | 'onUnreadable' | 'onFailure' | 'toldCounts'>,
    Pick<LaunchQueueOptions, 'groups'> {
  /** Folder that contains the agents' folders. */
  dir: string
  runtimes: Record<string, RuntimeAdapter>
  /** Resolves to the path of a runtime's program. @throws CommandFailure if the program is unusable */
  program(runtime: string): Promise<string>
  /** @see Permit */
  permit: Permit
  trust: Pick<RepositoryTrust, 'ask' | 'cancel' | 'close' | 'mayUse'>
  /** Environment that agents inherit. */
  environment: NodeJS.ProcessEnv
  umask: string
  /** @see MemoryRoom */
  room: Pick<MemoryRoom, 'waitOf'>
  /**
   * Records that an agent is being removed. The agent's folder is deleted after the returned promise has
   * resolved. Not called for the agent of a failed start.
   */
  onRemoval?(agent: Agent): Promise<void>
  /** Returns a shelter for new agents if agents would otherwise end with the daemon. */
  shelter?(): Promise<Shelter | undefined>
  /**
   * True if agents continue the turns that the daemon interrupted to restart itself, even if the agents'
   * specifications do not request this.
   */
  resumeTurns: boolean
  maxAgents: number
  logger: Logger
}
