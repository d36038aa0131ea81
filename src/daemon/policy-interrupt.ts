import type { Agent } from '../agents/agent.ts'
import { uuidFrom } from '../agents/events/ids.ts'
import { isInTurn } from '../agents/state/lifecycle.ts'
import type { Logger } from '../platform/log.ts'

export interface PolicyInterrupt {
  /** Name of the rule: each rule interrupts a turn once. */
  rule: string
  /** Key of the policy, for the log. */
  key: string
  /** Explanation for the agent's status, as a sentence. */
  why: string
  /** True if prompts that wait behind the turn are canceled, too. */
  cancelQueued: boolean
}

/**
 * Interrupts an agent's current turn because of the policy, once, also across restarts of the daemon. If this fails,
 * for example because the disk is full, the next call tries again.
 */
export function interruptTurn(agent: Agent, order: PolicyInterrupt, logger: Logger) {
  const { id, run, snapshot, inbox, runtime, hasEnded } = agent
  if (hasEnded || !isInTurn(snapshot.state)) return
  const input = uuidFrom(order.rule, id, run.run, snapshot.turn?.since ?? snapshot.since)
  if (inbox.hasAccepted(input)) return
  const about = { agent_id: id, policy_key: order.key }
  try {
    inbox.put(runtime.interrupt(input, { cancelQueued: order.cancelQueued }, snapshot.conversation))
  } catch (err) {
    logger.error({ ...about, err }, 'cannot interrupt the turn')
    return
  }
  logger.warn(about, 'the policy interrupts the turn')
  agent.explainInterrupt(order.why)
}
