import type { Agent } from '../agents/agent.ts'
import { CommandFailure } from '../agents/command-failure.ts'
import type { Input } from '../agents/runtimes/conversation.ts'
import { checkRunning } from './check-running.ts'

/** Maximum wait for an agent's reply, in ms. */
const REPLY_MS = 30_000

/**
 * Sends a request to an agent, only once, and waits for its reply.
 * @param isOver reports whether the reply no longer matters
 * @throws CommandFailure if the agent refuses, or does not reply
 */
export async function confirm(agent: Agent, input: Input, isOver = () => false): Promise<void> {
  if (!agent.inbox.hasAccepted(input.id)) {
    checkRunning(agent)
    agent.inbox.put(input)
  }
  await agent.until(() => isOver() || agent.reply(input.id) !== undefined || agent.hasEnded, REPLY_MS)
  const reply = agent.reply(input.id)
  if (reply?.ok || isOver()) return
  if (reply) {
    const words = reply.error ?? 'The agent refused without giving a reason.'
    const { message = words, ...rest } = agent.runtime.explain(words) ?? {}
    throw new CommandFailure('rejected_by_agent', message, rest)
  }
  if (agent.hasEnded) throw new CommandFailure('agent_not_running', `${agent.id} ended before it replied.`)
  throw new CommandFailure('no_reply', `${agent.id} has not replied within ${REPLY_MS / 1000} seconds.`)
}
