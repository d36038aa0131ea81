import type { AgentSpec } from '../protocol/index.ts'
import type { Sandbox } from './process/sandbox.ts'

/** A specification that may be launched. */
interface Permitted {
  /** The specification in the form to launch. */
  spec: AgentSpec
  /** Reports whether agents inherit a variable of the daemon's environment. */
  inherits(name: string): boolean
  /** Sandbox to run it in. */
  sandbox?: Sandbox | undefined
}

/**
 * Checks whether a specification may be launched on this machine now.
 * @param program path of the runtime's program
 * @param running number of other agents that run, if this one is about to be one more
 * @throws CommandFailure
 */
export type Permit = (spec: AgentSpec, program: string, running?: number) => Permitted
