import type { AgentSpec } from '../protocol/index.ts'
import type { AgentUser } from './process/agent-user.ts'
import type { ResourceLimits } from './process/cgroup/limits.ts'
import type { Sandbox } from './process/sandbox.ts'

/** Rule for startup files: the files in a folder that make an agent run programs when it starts there. */
interface StartupRule {
  /** Reports whether a file or folder may be used without asking a person. */
  isTrusted(path: string): boolean
  /**
   * Rule for all other startup files. `ask`: the agent waits until a person permits them; `ignore`: the agent
   * uses no startup files.
   */
  others: 'ask' | 'ignore'
}

/** A specification that may be launched. */
export interface Permitted {
  /** The specification to launch, changed as the policy requires. */
  spec: AgentSpec
  /** Reports whether agents inherit this variable from the daemon's environment. */
  inherits(name: string): boolean
  startup: StartupRule
  /** Sandbox in which to run the agent. */
  sandbox?: Sandbox | undefined
  /** Limits of resources that the agent must not exceed. */
  resources?: ResourceLimits
  /** User that the agent runs as; absent for the daemon's user. */
  user?: AgentUser | undefined
}

/** A start or resume that is about to happen. */
interface Begun {
  /** Number of other running agents. */
  running: number
  /** True if a command requested the start or resume, false if a restart policy did. */
  isOrdered: boolean
}

/**
 * Checks whether a specification may be launched on this machine now.
 * @param program path of the runtime's program
 * @param begun the start or resume; undefined if the agent has already been counted
 * @throws CommandFailure
 */
export type Permit = (spec: AgentSpec, program: string, begun?: Begun) => Permitted
