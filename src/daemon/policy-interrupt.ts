import type { Agent } from '../agents/agent.ts'
import { uuidFrom } from '../agents/events/ids.ts'
import { isInTurn } from '../agents/state/lifecycle.ts'
import type { Logger } from '../platform/log.ts'

export interface PolicyInterrupt {
  /** Name of the rule that interrupts the turn. Each rule interrupts a turn only once. */
  rule: string
  /** Key in the policy, for the log. */
  key: string
  /** Sentence that explains the interruption in the agent's status. */
  why: string
  /** True if queued prompts are canceled, too. */
  cancelQueued: boolean
}

/**
 * Interrupts an agent's current turn because of the policy. Interrupts a turn only once, even if the daemon
 * restarts in the meantime. If this fails, for example because the disk is full, the next call tries again.
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
