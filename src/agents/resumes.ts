import { statSync } from 'node:fs'
import { type Clock, isoTime } from '../platform/clock.ts'
import { writeAtomic } from '../platform/files.ts'
import type { Agent } from './agent.ts'
import { checkAgentLimit, checkCwd, runningBeside } from './checks.ts'
import { CommandFailure } from './command-failure.ts'
import type { RunRecord } from './disk/records.ts'
import type { Endings } from './endings.ts'
import { resumedId } from './events/ids.ts'
import type { Permit } from './permit.ts'
import { checkFolderAs } from './process/agent-user.ts'
import { sweepProcesses } from './process/end.ts'
import type { LaunchQueue } from './process/launch-queue.ts'
import { nextRun } from './process/next-run.ts'
import { beginRest, isResting } from './process/rest.ts'
import { checkSessionUser, nextSession } from './process/sessions.ts'
import type { SessionGuard } from './session-guard.ts'

type Session = RunRecord['session']

export interface ResumesOptions {
  agents: Iterable<Agent>
  clock: Clock
  /** Resolves to the path of a runtime's program. @throws CommandFailure if the program is unusable */
  program(runtime: string): Promise<string>
  permit: Permit
  /**
   * True if agents continue their turns after the daemon itself has ended them, even if their specifications
   * do not request this.
   */
  resumeTurns: boolean
  maxAgents: number
  sessions: SessionGuard
  launches: LaunchQueue
  endings: Endings
}

/** Restarts agents that have ended, and continues their sessions. */
export class Resumes {
  readonly #options: ResumesOptions
  readonly #underWay = new Map<Agent, Promise<unknown>>()
  /** Ended agents that cannot be resumed at the moment. A daemon that stops does not wait for these. */
  readonly #held = new Set<Agent>()
  /**
   * Agents whose resume the policy has not permitted yet. When the limits are checked for one of these
   * agents, the others do not count as running.
   */
  readonly #asking = new Set<Agent>()

  constructor(options: ResumesOptions) {
    this.#options = options
  }

  /** Resolves when the agent's current resume is done, successful or not. */
  async settled(agent: Agent): Promise<void> {
    await this.#underWay.get(agent)
  }

  /** Resolves when all resumes in progress are done. */
  async allSettled(): Promise<void> {
    await Promise.all(this.#underWay.values())
  }

  /**
   * Restarts an agent that has ended, and continues its session.
   * @param commandId undefined if the restart policy restarts the agent
   * @throws CommandFailure
   */
  async resume(agent: Agent, commandId: string | undefined, sessionId?: string): Promise<void> {
    const { sessions, endings } = this.#options
    // Return if this command has already started the current run or an earlier one.
    if (commandId !== undefined && agent.run.command_id === commandId) return
    if (commandId !== undefined && agent.inbox.hasAccepted(resumedId(agent.id, commandId))) return
    if (this.#held.has(agent))
      throw new CommandFailure('agent_running', `The folder of ${agent.id} is being removed.`, {
        remedy: 'Try again later.',
      })
    if (!agent.hasEnded || this.#underWay.has(agent))
      throw new CommandFailure('agent_running', `${agent.id} is running; send it a prompt instead.`)
    const session = nextSession(agent, sessionId)
    // The check ignores the agent's own processes, since they are ended before the resume.
    if (session?.mode === 'resume') sessions.check(session.id, agent)
    endings.cancelRestart(agent)
    agent.returning = true
    this.#asking.add(agent)
    const done = sessions
      .during(agent, session?.id, () => this.#start(agent, commandId, session))
      .finally(() => {
        this.#underWay.delete(agent)
        this.#asking.delete(agent)
        agent.returning = false
      })
    this.#underWay.set(
      agent,
      done.catch(() => {}),
    )
    await done
  }

  /**
   * Runs a function while the agent has ended, and cannot be resumed. The function must not start the agent.
   * @throws CommandFailure if the agent is running
   */
  async whileEnded<T>(agent: Agent, run: () => Promise<T>): Promise<T> {
    if (!agent.hasEnded || this.#underWay.has(agent) || this.#held.has(agent))
      throw new CommandFailure('agent_running', `${agent.id} is running in its working tree.`, {
        remedy: 'Stop it first.',
      })
    this.#held.add(agent)
    try {
      return await run()
    } finally {
      this.#held.delete(agent)
    }
  }

  async #start(agent: Agent, commandId: string | undefined, session: Session) {
    const { agents, clock, program, permit, resumeTurns, maxAgents, sessions, launches, endings } =
      this.#options
    const { spec } = agent.record
    const wasResting = isResting(agent)
    const path = await program(spec.runtime)
    const isOrdered = commandId !== undefined
    const { user } = permit(spec, path, { running: runningBeside(agents, this.#asking), isOrdered })
    this.#asking.delete(agent)
    checkSessionUser(agent, session?.id, user?.name)
    checkCwd(spec.cwd, { again: true })
    if (user) await checkFolderAs(user, spec.cwd)
    checkAgentLimit(agents, maxAgents)
    // End the last run's leftovers first, or they would run alongside the new run.
    await (endings.swept(agent) ?? sweepProcesses(agent))
    if (session?.mode === 'resume') sessions.checkElsewhere(agent.runtime, session.id, spec, user)
    agent.inbox.requeue()
    const next = nextRun(agent, {
      commandId,
      program: path,
      session,
      at: isoTime(clock.now()),
      stderrFrom: statSync(agent.folder.stderr, { throwIfNoEntry: false })?.size ?? 0,
      resumeTurns,
    })
    writeAtomic(agent.folder.run, JSON.stringify(next), { durable: true })
    if (commandId !== undefined) agent.inbox.mark(resumedId(agent.id, commandId))
    agent.startRun(next)
    const launched = launches.add(agent)
    // If a command resumes the agent, do not wait for the launch here, because the caller waits until the
    // agent is ready.
    if (commandId === undefined) return launched
    // If the launch fails, the next prompt of a resting agent must start it again.
    launched.catch(() => wasResting && beginRest(agent)).catch(() => {})
  }
}
