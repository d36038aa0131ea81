import type { HubClient } from '../../client/hub-client.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { Intended } from '../../policy/foreseen.ts'
import { foreseenByName, WITH_LIMITS } from '../../policy/foreseen-by-name.ts'
import { SIGNED } from '../../protocol/commands-to-sign.ts'
import type { HubAgent, HubMachine } from '../../protocol/index.ts'
import { cleanLine } from '../render/clean.ts'

/** Maximum width of a message: it may list what the policy permits. */
const MESSAGE_COLUMNS = 500

/**
 * Refuses to send a command that the policy of the target machine would refuse. A disconnected machine may
 * have another policy by the time it receives the command.
 * @param machine undefined if it is not known
 * @param signs true if the command will be signed
 * @throws UserError
 */
export async function checkPolicy(machine: HubMachine | undefined, intended: Intended, signs: boolean) {
  const policy = machine?.connected ? machine.status.policy : undefined
  if (!policy) return
  if (policy.signed && !signs && SIGNED.includes(intended.type))
    throw new UserError('policy', 'The machine carries out only commands that a person has signed.', {
      remedy:
        "Sign it with --sign-key FILE. `fomular-daemon key new` makes a key, which the machine's operator adds to signed_by in the machine's policy.",
      exitCode: EXIT.refused,
      facts: { path: 'signed_by' },
    })
  const [refusal] = WITH_LIMITS.includes(intended.type)
    ? (await import('../../policy/foreseen.ts')).foreseenRefusals(policy, intended)
    : foreseenByName(policy, intended.type)
  if (refusal)
    throw new UserError('policy', cleanLine(refusal.message, MESSAGE_COLUMNS), {
      remedy: `Change the command, or have the machine's operator change ${refusal.key} in its policy.`,
      exitCode: EXIT.refused,
      facts: { path: refusal.key },
    })
}

/** @see checkPolicy @param agent undefined if the hub does not return it */
export async function checkPolicyFor(client: HubClient, agent: HubAgent | undefined, intended: Intended) {
  const machine = agent && (await client.machine(agent.machine_id).catch(() => undefined))
  await checkPolicy(machine, intended, client.signs)
}
