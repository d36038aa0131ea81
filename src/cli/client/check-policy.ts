import type { HubClient } from '../../client/hub-client.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { Intended } from '../../policy/foreseen.ts'
import { SIGNED } from '../../protocol/commands-to-sign.ts'
import type { HubMachine } from '../../protocol/index.ts'
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
  const { foreseenRefusals } = await import('../../policy/foreseen.ts')
  const [refusal] = foreseenRefusals(policy, intended)
  if (refusal)
    throw new UserError('policy', cleanLine(refusal.message, MESSAGE_COLUMNS), {
      remedy: `Change the command, or have the machine's operator change ${refusal.key} in its policy.`,
      exitCode: EXIT.refused,
      facts: { path: refusal.key },
    })
}

/** @see checkPolicy */
export async function checkPolicyFor(client: HubClient, agentId: string, intended: Intended) {
  const [agent, machines] = await Promise.all([client.agent(agentId), client.machines()]).catch(() => [])
  await checkPolicy(
    machines?.find(({ machine_id }) => machine_id === agent?.machine_id),
    intended,
    client.signs,
  )
}
