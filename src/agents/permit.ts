import type { AgentSpec } from '../protocol/index.ts'

/**
 * Checks whether a specification may be launched on this machine now, and returns it in the form to launch.
 * @param program path of the runtime's program
 * @throws CommandFailure
 */
export type Permit = (spec: AgentSpec, program: string) => AgentSpec
