import type { Agent } from '../agents/agent.ts'
import type { AgentPool } from '../agents/agent-pool.ts'
import { uuidFrom } from '../agents/events/ids.ts'
import { beginRest, endRest } from '../agents/process/rest.ts'
import { continueCommand, continueId, isLeft, isLimited, isWaiting, resetOf } from '../agents/state/limit.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Command } from '../protocol/index.ts'
import { accountOf } from './account-of.ts'
import { deliverPrompt, wakeId } from './deliver-prompt.ts'
import { ATTEMPT_MS, dueAt, isUnderWay, limitOf, postponedBy, spreadMs, worksSince } from './limit-plan.ts'

/** Delay, in ms, before the daemon tries again to continue a turn. */
const RETRY_MS = 10 * 60_000
/** Prompt that continues a turn. */
const CONTINUE = 'Continue.'

export interface UsageLimitsOptions {
  agents: AgentPool
  /** @throws CommandFailure if the machine's policy refuses the command */
  check(command: Command): Promise<void>
  clock: Clock
  logger: Logger
}

/**
 * Depending on the agents' settings, stops agents at the usage limit of their account, or continues their
 * turns after the limit's reset. After a reset, only one agent of an account continues its turn at first. The
 * other agents continue if the model answers. If the first agent reaches the limit again, all these agents
 * wait for the new reset. If an outage of the service ends the first agent's turn, all these agents wait
 * before this agent tries again, a few times.
 */
export class UsageLimits {
  readonly #options: UsageLimitsOptions
  /** Agents to which a prompt is being delivered. */
  readonly #busy = new Set<Agent>()
  /** For each agent, the time before which the daemon does not retry, in ms since 1970. */
  readonly #failed = new WeakMap<Agent, number>()
  /** For each agent that tries first after a reset: when a check noticed the attempt, in ms since 1970. */
  readonly #trying = new WeakMap<Agent, number>()

  constructor(options: UsageLimitsOptions) {
    this.#options = options
  }

  check() {
    const accounts = new Map<string, Agent[]>()
    for (const agent of this.#options.agents) {
      if (!agent.snapshot.limit) continue
      this.#keepWaiting(agent)
      const account = accountOf(agent)
      accounts.set(account, [...(accounts.get(account) ?? []), agent])
    }
    for (const agents of accounts.values()) this.#checkAccount(agents)
  }

  /** If a shutdown of the machine ended an agent, the agent rests as long as it waits. */
  #keepWaiting(agent: Agent) {
    const { id, inbox, snapshot, limits, run, hasEnded, returning } = agent
    if (!hasEnded || snapshot.exit?.reason !== 'rebooted' || returning) return
    const waits = isWaiting({ id, inbox, snapshot, limits, run, returning: true })
    if (waits === (run.resting === true)) return
    try {
      if (waits) beginRest(agent)
      else endRest(agent)
      agent.touch()
    } catch (err) {
      this.#options.logger.warn({ agent_id: id, err }, 'cannot record whether the agent waits; will retry')
    }
  }

  /** @param agents all agents of one account that have reached the account's limit */
  #checkAccount(agents: Agent[]) {
    const now = this.#options.clock.now()
    for (const agent of agents) postpone(agent, postponedBy(agent, agents, now))
    for (const agent of agents) this.#stop(agent)
    const works = worksSince(agents, now)
    const isTrying = agents.some((agent) => this.#isTrying(agent, now))
    const due = agents
      .filter((agent) => this.#mayContinue(agent, now) && dueAt(agent) <= now)
      .sort((a, b) => outagesOf(b) - outagesOf(a) || dueAt(a) - dueAt(b))
    const isOpen = (agent: Agent) => works >= Date.parse(resetOf(agent) ?? '')
    for (const agent of due) if (isOpen(agent) && now >= works + spreadMs(agent)) void this.#continue(agent)
    const first = due.find((agent) => !isOpen(agent))
    if (first && !isTrying) void this.#continue(first)
  }

  /** Reports whether this agent's first turn has no outcome yet; false after `ATTEMPT_MS` at the latest. */
  #isTrying(agent: Agent, now: number): boolean {
    if (!this.#busy.has(agent) && !isUnderWay(agent, continueId(agent.id, limitOf(agent)), now)) {
      this.#trying.delete(agent)
      return false
    }
    const since = this.#trying.get(agent) ?? now
    this.#trying.set(agent, since)
    return Math.abs(now - since) < ATTEMPT_MS
  }

  #mayContinue(agent: Agent, now: number): boolean {
    const { snapshot, inbox, isReady, hasEnded } = agent
    return (
      isWaiting(agent) &&
      (hasEnded
        ? agent.run.resting === true
        : isReady && snapshot.state === 'idle' && inbox.unsettledCount === 0) &&
      !this.#busy.has(agent) &&
      now >= (this.#failed.get(agent) ?? 0)
    )
  }

  async #continue(agent: Agent) {
    const { agents, check, clock, logger } = this.#options
    const undelivered = agent.inbox.unsettledCount
    const command = {
      type: 'agent:prompt',
      agent_id: agent.id,
      command_id: continueCommand(limitOf(agent)),
      content: CONTINUE,
    } as const
    // A person may end the wait, or send another prompt, in the meantime.
    const isWanted = () =>
      isWaiting(agent) &&
      continueCommand(limitOf(agent)) === command.command_id &&
      agent.inbox.unsettledCount === undelivered
    // The launch of an ended agent can still fail later.
    if (agent.hasEnded) this.#failed.set(agent, clock.now() + RETRY_MS)
    this.#busy.add(agent)
    try {
      await check(command)
      if (!isWanted()) return
      logger.info({ agent_id: agent.id }, 'continuing a turn after the reset of the usage limit')
      // The agent ended before it began its last prompt. Its next run gets this prompt.
      if (undelivered > 0) await agents.resume(agent, wakeId(agent, command.command_id))
      else await deliverPrompt(agents, command, isWanted)
    } catch (err) {
      if (!isWanted()) return
      this.#failed.set(agent, clock.now() + RETRY_MS)
      logger.warn({ agent_id: agent.id, err }, 'cannot continue the turn; will retry')
    } finally {
      this.#busy.delete(agent)
    }
  }

  /** Stops an agent only once for each limit, so that a person can start the agent again. */
  #stop(agent: Agent) {
    const { agents, logger } = this.#options
    const { snapshot, limits, inbox, id, hasEnded } = agent
    if (limits.onLimit !== 'stop' || !isLimited(snapshot) || hasEnded || snapshot.state !== 'idle') return
    const limit = limitOf(agent)
    // If an outage has ended the turn of a person's prompt, it is unknown whether the limit still applies.
    if (inbox.unsettledCount > 0 || (outagesOf(agent) > 0 && !isLeft(agent, limit))) return
    const { at } = limit
    const mark = uuidFrom('limit-stop', id, at)
    if (inbox.hasAccepted(mark)) return
    inbox.mark(mark)
    const until = outagesOf(agent) === 0 ? resetOf(agent) : undefined
    logger.info({ agent_id: id, until }, 'stopping an agent at the usage limit of its account')
    agents
      .stop(agent, { commandId: `usage-limit-${at}` })
      .then(() =>
        agent.explain(
          `It reached the usage limit of its account${until === undefined ? '' : `, which resets at ${until}`}.`,
        ),
      )
      .catch((err) => logger.error({ agent_id: id, err }, 'cannot stop the agent'))
  }
}

/**
 * Ends an agent's wait for the reset of its account's limit, because a person takes over.
 * @returns whether the agent was waiting
 */
export function endWait(agent: Agent): boolean {
  const { snapshot, limits } = agent
  const { limit } = snapshot
  // End the wait even if the agent is not waiting now. Otherwise, an agent whose restart is delayed would wait
  // after its restart, and an agent whose turn continues now would wait again after an outage.
  if (!limit || limit.lifted !== undefined || !limits.isWaitFor(limit)) return false
  const wasWaiting = isWaiting(agent)
  limits.endWait(limit)
  agent.touch()
  return wasWaiting
}

function postpone(agent: Agent, postponed: Agent['limits']['postponed']) {
  const { limits } = agent
  if (limits.postponed?.until === postponed?.until && !limits.postponed === !postponed) return
  limits.postponed = postponed
  agent.touch()
}

const outagesOf = (agent: Agent) => limitOf(agent).outages ?? 0
