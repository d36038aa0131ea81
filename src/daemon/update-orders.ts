import { refusedUpdate } from '../policy/rules/updates.ts'
import type { Policy } from '../policy/schema.ts'
import { refusedByName } from '../protocol/policy-rules.ts'
import { UpdateFailure } from '../update/failure.ts'
import type { OrderPolicy } from '../update/options.ts'

const UNSEEN = {
  key: 'gate',
  message:
    'The gate of this machine decides about updates, but cannot check an update that the server orders when it refuses the connection.',
}

/**
 * Returns the machine's rules for updates that a server orders. If the policy cannot be read, no such update
 * is permitted.
 */
export const updateOrders = (inForce: () => Policy | undefined): OrderPolicy => ({
  isSignatureRequired: () => inForce()?.update.signature ?? true,
  check(version, origin) {
    const policy = inForce()
    const [refusal] = policy
      ? [
          ...refusedByName(policy.commands.deny, 'daemon:update'),
          // If a command orders an update, the gate has checked this command. If a refusal of the connection
          // orders an update, the gate cannot check it.
          ...(origin === 'refusal' && policy.gate ? [UNSEEN] : []),
          ...refusedUpdate(policy, version, new Date()),
        ]
      : [
          {
            key: 'policy',
            message: "The machine's policy cannot be read, so a server may not update this program.",
          },
        ]
    if (!refusal) return
    throw new UpdateFailure('policy', 'resolve', refusal.message, {
      path: refusal.key,
      remedy: `Have the machine's operator change ${refusal.key} in its policy, or run the update on the machine.`,
    })
  },
})
