import type { PolicyRefusal } from '../refusal.ts'
import type { Policy } from '../schema.ts'

/** Reports whether the policy permits a permission mode. */
export const isModePermitted = ({ permission_modes }: Policy, mode: string) =>
  permission_modes.includes('*') || permission_modes.includes(mode)

export function refusedMode(policy: Policy, mode: string | undefined): PolicyRefusal[] {
  if (mode === undefined || isModePermitted(policy, mode)) return []
  const permitted = policy.permission_modes.join(', ') || 'none'
  return [
    {
      key: 'permission_modes',
      message: `The machine's policy does not permit the permission mode ${mode}; it permits: ${permitted}.`,
    },
  ]
}
