import type { PolicyRefusal } from '../../protocol/policy-rules.ts'
import type { Policy } from '../schema.ts'

/** Refuses to start another agent if the permitted number of agents is already running. */
export function refusedNumber({ limits }: Policy, running: number): PolicyRefusal[] {
  if (limits.agents === undefined || running < limits.agents) return []
  return [
    {
      key: 'limits.agents',
      message: `The machine's policy permits at most ${limits.agents} running agents.`,
    },
  ]
}
