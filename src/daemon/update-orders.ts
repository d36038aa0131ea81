import { refusedUpdate } from '../policy/rules/updates.ts'
import type { Policy } from '../policy/schema.ts'
import { UpdateFailure } from '../update/failure.ts'
import type { OrderPolicy } from '../update/options.ts'

/** Returns the machine's policy for updates that a server orders. An unreadable policy permits none. */
export const updateOrders = (inForce: () => Policy | undefined): OrderPolicy => ({
  isSignatureRequired: () => inForce()?.update.signature ?? true,
  check(version) {
    const policy = inForce()
    const [refusal] = policy
      ? refusedUpdate(policy, version, new Date())
      : [{ key: 'policy', message: "The machine's policy cannot be read, so a server may not update it." }]
    if (!refusal) return
    throw new UpdateFailure('policy', 'resolve', refusal.message, {
      path: refusal.key,
      remedy: `Have the machine's operator change ${refusal.key} in its policy, or update it there.`,
    })
  },
})
