import type { PolicyRefusal } from '../refusal.ts'
import type { Policy } from '../schema.ts'

/** Reports whether the policy permits a permission mode. */
export const isModePermitted = ({ permission_modes }: Policy, mode: string) =>
  permission_modes.includes('*') || permission_modes.includes(mode)

export function refusedMode(policy: Policy, mode: string | undefined): PolicyRefusal[] {
  // If the specification has no mode, the agent is launched with the first permitted mode.
  if (mode === undefined ? policy.permission_modes.length > 0 : isModePermitted(policy, mode)) return []
  const asked = mode === undefined ? 'any permission mode' : `the permission mode ${mode}`
  const permitted = policy.permission_modes.join(', ') || 'none'
  return [
    {
      key: 'permission_modes',
      message: `The machine's policy does not permit ${asked}; it permits: ${permitted}.`,
    },
  ]
}
