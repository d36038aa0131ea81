import type { AgentSpec } from '../protocol/index.ts'
import type { Sandbox } from './process/sandbox.ts'

/** Use of the files that run programs when an agent starts in their folder. */
export interface StartupRule {
  /** Reports whether a file or folder may be used without a question. */
  isTrusted(path: string): boolean
  /** The agent waits until a person permits all others, or uses no startup file. */
  others: 'ask' | 'ignore'
}

/** A specification that may be launched. */
interface Permitted {
  /** The specification in the form to launch. */
  spec: AgentSpec
  /** Reports whether agents inherit a variable of the daemon's environment. */
  inherits(name: string): boolean
  startup: StartupRule
  /** Sandbox to run it in. */
  sandbox?: Sandbox | undefined
}

/** A start or resume that is about to happen. */
interface Begun {
  /** Number of other agents that run. */
  running: number
  /** True if a command orders it, and not a restart policy. */
  isOrdered: boolean
}

/**
 * Checks whether a specification may be launched on this machine now.
 * @param program path of the runtime's program
 * @param begun undefined for the launch of an agent that has already been counted
 * @throws CommandFailure
 */
export type Permit = (spec: AgentSpec, program: string, begun?: Begun) => Permitted
