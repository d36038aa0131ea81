import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ensurePrivateDir, writeAtomic } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import type { AgentSpec, CommandOf } from '../protocol/index.ts'
import { Agent, type AgentContext } from './agent.ts'
import { logOnce } from './attempt.ts'
import { checkAgentLimit, checkCwd, checkKept, runtimeOf } from './checks.ts'
import { CommandFailure } from './command-failure.ts'
import { isCurrent, makeCurrent } from './disk/cursors-current.ts'
import { makeFolder, namesIn } from './disk/folder.ts'
import { FolderDeletion } from './disk/folder-deletion.ts'
import { JournalWatcher } from './disk/journal-watcher.ts'
import { loadAgent } from './disk/load-agent.ts'
import type { RunRecord, SpecRecord } from './disk/records.ts'
import { obstacleTo } from './disk/unreadable.ts'
import { resumedId } from './events/ids.ts'
import { abandon, isKept } from './process/abandon.ts'
import {
  checkProcesses,
  endUnlaunched,
  GRACE_S,
  type StopOptions,
  stop,
  sweepProcesses,
} from './process/end.ts'
import { isLaunched, type Shelter } from './process/launch.ts'
import { LaunchQueue } from './process/launch-queue.ts'
import { firstRun, nextRun } from './process/next-run.ts'
import { forgo, isUnexplained, recall, stayEnded } from './process/recall.ts'
import { checkSession, checkSessionElsewhere, nextSession } from './process/sessions.ts'
import { nextRestart, Restarts } from './restart.ts'
import type { RuntimeAdapter } from './runtimes/runtime.ts'
import { UnseenEnds } from './unseen-ends.ts'

export interface AgentPoolOptions
  extends Omit<AgentContext, 'onChange' | 'onUnreadable' | 'onFailure' | 'toldCounts'> {
  /** Folder of the agents' folders. */
  dir: string
  runtimes: Record<string, RuntimeAdapter>
  /** Resolves to the path of a runtime's program. @throws CommandFailure if the program is unusable */
  program(runtime: string): Promise<string>
  /** Environment that agents inherit. */
  environment: NodeJS.ProcessEnv
  umask?: string | undefined
  /** Returns a place for new agents if they would otherwise end with the daemon. */
  shelter?(): Promise<Shelter | undefined>
  /** True if agents that the daemon has ended itself continue their turns without asking for it in their specs. */
  resumeTurns: boolean
  maxAgents: number
  logger: Logger
  onChange(agent: Agent): void
  /** Called when the journal has grown, or may have. */
  onGrowth(agent: Agent): void
  onRemoved(agent: Agent): void
  /** Called with all agents that are held back because they have ended too often. */
  onCrashLoops(agents: Agent[]): void
  /** Called when an unreadable folder was set aside. */
  onDamaged(path: string): void
}

/** All agents of one state folder: found, started, resumed, watched, removed. */
export class AgentPool {
  readonly #options: AgentPoolOptions
  readonly #agents = new Map<string, Agent>()
  readonly #watching: JournalWatcher
  readonly #sweeps = new Map<Agent, Promise<unknown>>()
  readonly #launches: LaunchQueue
  readonly #restarts: Restarts
  /** Agents that are being resumed, with the session of the new process. */
  readonly #resuming = new Map<Agent, { sessionId: string; settled: Promise<unknown> }>()
  readonly #unseen: UnseenEnds
  readonly #discards: FolderDeletion
  #toldCounts = true
  #closed = false

  constructor(options: AgentPoolOptions) {
    this.#options = options
    const { clock, logger, onCrashLoops } = options
    this.#launches = new LaunchQueue({ ...options, now: () => this.#now() })
    this.#restarts = new Restarts({
      clock,
      logger,
      onCrashLoops,
      resume: (agent) => this.resume(agent, undefined),
    })
    this.#unseen = new UnseenEnds({ clock, logger, restarts: this.#restarts })
    this.#discards = new FolderDeletion(options)
    this.#watching = new JournalWatcher({ clock, logger, onGrowth: (agent) => this.#options.onGrowth(agent) })
  }

  [Symbol.iterator]() {
    return this.#agents.values()
  }

  get size() {
    return this.#agents.size
  }

  /** Returns an agent by id. @throws CommandFailure if there is none */
  get(agentId: string): Agent {
    const agent = this.#agents.get(agentId)
    if (!agent)
      throw new CommandFailure('agent_not_found', `This machine has no agent ${agentId}.`, {
        path: 'agent_id',
        remedy: 'Start a new agent; it can resume an earlier session.',
      })
    return agent
  }

  find(agentId: string) {
    return this.#agents.get(agentId)
  }

  /** Takes over all agents of earlier daemons, running or ended, and completes interrupted launches. */
  adopt() {
    const { dir, logger } = this.#options
    ensurePrivateDir(dir)
    this.#toldCounts = isCurrent(dir)
    for (const name of namesIn(dir)) {
      let agent: Agent | undefined
      try {
        const { runtimes, onDamaged } = this.#options
        agent = loadAgent(join(dir, name), { runtimes, onDamaged, context: this.#context() })
        if (agent) this.#adoptOne(this.#open(agent))
      } catch (error) {
        const obstacle = obstacleTo(error, join(dir, name))
        if (obstacle && (!agent || obstacle === error)) throw obstacle
        logger.error({ agent_id: name, err: error }, 'cannot take over the agent')
        if (!agent) this.#options.onDamaged(join(dir, name))
      }
    }
    makeCurrent(dir, this)
  }

  /**
   * Creates an agent and launches it, or queues it for launch; the agent's state then shows the result of the launch. A
   * repeated command returns the agent that the first command created.
   * @throws CommandFailure
   */
  async start(command: CommandOf<'agent:start'>): Promise<Agent> {
    const { agent_id, command_id, spec } = command
    const known = this.#agents.get(agent_id)
    if (known?.record.command_id === command_id) return known
    if (known)
      throw new CommandFailure('agent_exists', `This machine already has an agent ${agent_id}.`, {
        path: 'agent_id',
      })
    const runtime = runtimeOf(this.#options.runtimes, spec.runtime)
    const program = await this.#options.program(spec.runtime)
    checkCwd(spec.cwd)
    checkKept(this.#agents.size)
    checkAgentLimit(this.#agents.values(), this.#options.maxAgents)
    // No other code runs from here until the agent is in the list, so a second start in this session sees it.
    if (spec.session && !spec.session.fork) {
      this.#checkSession(spec.session.resume)
      this.#checkElsewhere(runtime, spec.session.resume, spec)
    }

    const record: SpecRecord = { version: 1, agent_id, command_id, created_at: this.#now(), spec }
    const run = firstRun(record, program)
    const folder = makeFolder(this.#options.dir, record, run, (dir) => void this.#discards.discard(dir))
    const begin = async () => {
      const agent = this.#open(new Agent(folder, record, run, runtime, this.#context()))
      await this.#launches.add(agent)
    }
    const launched = begin().catch(async (error) => {
      // The server learns that the start failed, so remove the folder, or the next daemon would launch it.
      if (!existsSync(folder.claim(run.run))) await this.#withdraw(folder.dir, agent_id)
      throw error
    })
    // Return a queued agent at once, so that a stop can reach it.
    if (this.#agents.get(agent_id)?.launching.queuedSince === undefined) await launched
    else launched.catch(() => {})
    return this.get(agent_id)
  }

  /**
   * Starts an ended agent again, in its session.
   * @param commandId undefined for a restart by policy
   * @throws CommandFailure
   */
  async resume(agent: Agent, commandId: string | undefined, sessionId?: string): Promise<void> {
    // The command has already started the present run or an earlier one.
    if (commandId !== undefined && agent.run.command_id === commandId) return
    if (commandId !== undefined && agent.inbox.hasAccepted(resumedId(agent.id, commandId))) return
    if (!agent.hasEnded || this.#resuming.has(agent))
      throw new CommandFailure('agent_running', `${agent.id} is running; send it a prompt instead.`)
    const session = nextSession(agent, sessionId)
    // The agent's own processes do not count, since they are ended before the resume.
    if (session.mode === 'resume') this.#checkSession(session.id, agent)
    this.#restarts.cancel(agent)
    agent.returning = true
    const settled = this.#resume(agent, commandId, session).finally(() => {
      this.#resuming.delete(agent)
      agent.returning = false
    })
    this.#resuming.set(agent, { sessionId: session.id, settled: settled.catch(() => {}) })
    await settled
  }

  async #resume(agent: Agent, commandId: string | undefined, session: NonNullable<RunRecord['session']>) {
    const program = await this.#options.program(agent.record.spec.runtime)
    checkCwd(agent.record.spec.cwd, { again: true })
    checkAgentLimit(this.#agents.values(), this.#options.maxAgents)
    // End the last run's leftovers first, or they would run alongside the new run.
    await (this.#sweeps.get(agent) ?? sweepProcesses(agent))
    if (session.mode === 'resume') this.#checkElsewhere(agent.runtime, session.id, agent.record.spec)
    agent.inbox.requeue()
    const { resumeTurns } = this.#options
    const stderrFrom = statSync(agent.folder.stderr, { throwIfNoEntry: false })?.size ?? 0
    const next = nextRun(agent, { commandId, program, session, at: this.#now(), stderrFrom, resumeTurns })
    writeAtomic(agent.folder.run, JSON.stringify(next), { durable: true })
    if (commandId !== undefined) agent.inbox.mark(resumedId(agent.id, commandId))
    agent.startRun(next)
    const launched = this.#launches.add(agent)
    // The answer to a command waits until the agent is ready, so do not wait for the launch here.
    if (commandId !== undefined) return void launched.catch(() => {})
    await launched
  }

  /** Ends an agent gracefully. @see stop */
  async stop(agent: Agent, options: StopOptions) {
    if (this.#launches.cancel(agent)) endUnlaunched(agent, options)
    await this.#resuming.get(agent)?.settled
    this.#restarts.cancel(agent)
    // An earlier daemon may have been killed while it stopped the agent for a restart.
    if (!agent.hasEnded && options.cause !== 'rebooted') forgo(agent)
    if (nextRestart(agent, this.#options.clock.now())) stayEnded(agent)
    await stop(agent, options)
    await this.#sweeps.get(agent)
  }

  /** @see UnseenEnds.explain */
  explain(why: (agent: Agent) => string | undefined, back: boolean) {
    this.#unseen.explain(why, back)
  }

  /** Stops automatic restarts and queued launches. Resolves when starts under way are done. */
  async settle() {
    this.#restarts.close()
    await this.#launches.close()
    await Promise.all([...this.#resuming.values()].map(({ settled }) => settled))
  }

  /** Forgets an agent that has ended and deletes its folder. */
  async remove(agent: Agent) {
    this.#forget(agent)
    await this.#sweeps.get(agent)
    const deleted = this.#discards.discard(agent.folder.dir)
    this.#options.onRemoved(agent)
    // The sweep may have read it again.
    agent.journal.close()
    await deleted
  }

  /** Checks for changes without notification: ends that no launcher recorded, and growth that no watcher reported. */
  check(agent: Agent) {
    if (!existsSync(agent.folder.spec)) return this.#onVanished(agent)
    if (agent.hasEnded && agent.backlog === 0) return
    try {
      this.#options.onGrowth(agent)
      if (!agent.hasEnded) checkProcesses(agent)
    } catch (error) {
      // A full disk, for example: the end is recorded when there is space again. Other agents must not suffer.
      this.#options.logger.warn({ agent_id: agent.id, err: error }, 'cannot check the agent')
    }
  }

  /** @see Agent.save */
  save(agent: Agent, options?: { changed: boolean }) {
    try {
      agent.save(options)
    } catch (error) {
      // The disk is full. The cursor can be restored from the journal.
      this.#options.logger.warn({ agent_id: agent.id, err: error }, 'cannot save the cursor')
    }
  }

  /** Closes all agents without touching their processes. */
  close() {
    this.#closed = true
    this.#discards.close()
    this.#restarts.close()
    void this.#launches.close()
    for (const agent of [...this.#agents.values()]) {
      this.save(agent)
      this.#forget(agent)
    }
  }

  #adoptOne(agent: Agent) {
    const { hasRunEnded } = agent
    // Must be first: the greeting contains the journal's end, and a server discards bytes after that offset.
    while (agent.catchUp());
    agent.onCaughtUp()
    if (!agent.hasRunEnded && !isLaunched(agent)) {
      this.#launches.add(agent).catch(() => {})
      return
    }
    checkProcesses(agent)
    if (!agent.hasEnded) {
      this.#options.logger.info({ agent_id: agent.id, pid: agent.process?.agent.pid }, 'agent taken over')
      this.#unseen.add(agent)
      if (!agent.isReady) void this.#launches.watch(agent)
      // The daemon that was stopping the agent died before the agent ended.
      const { stopping } = agent.snapshot
      const commandId = `taken-over-${this.#now()}`
      const stopped = agent.run.recall
        ? recall(agent, agent.run.recall.why, { commandId })
        : stopping && this.stop(agent, { commandId, cause: stopping })
      stopped?.catch((err) => this.#options.logger.error({ agent_id: agent.id, err }, 'agent not stopped'))
    }
    // The daemon that saw the agent end may have died before it swept.
    else {
      if (!hasRunEnded && isUnexplained(agent)) this.#unseen.add(agent)
      this.#onEnded(agent)
    }
  }

  #open(agent: Agent): Agent {
    this.#agents.set(agent.id, agent)
    this.#watching.add(agent)
    return agent
  }

  /** Removes an agent whose start failed. */
  async #withdraw(dir: string, agentId: string) {
    const agent = this.#agents.get(agentId)
    try {
      await (agent ? this.remove(agent) : this.#discards.discard(dir))
    } catch (error) {
      this.#options.logger.error({ agent_id: agentId, err: error }, 'cannot remove the failed agent')
    }
  }

  /** Handles a deleted folder. If the whole state folder is gone, the daemon handles that instead. */
  #onVanished(agent: Agent) {
    if (!existsSync(dirname(this.#options.dir))) return
    const kept = isKept(agent)
    const what = agent.hasEnded
      ? 'forgetting it'
      : kept
        ? 'leaving it running, as its lease says'
        : 'ending it'
    this.#options.logger.error({ agent_id: agent.id }, `the agent's folder was deleted: ${what}`)
    this.#options.onRemoved(agent)
    this.#forget(agent)
    if (!agent.hasEnded && !kept) void abandon(agent, GRACE_S)
  }

  #forget(agent: Agent) {
    this.#restarts.cancel(agent)
    this.#launches.cancel(agent)
    this.#watching.forget(agent)
    this.#unseen.forget(agent)
    this.#agents.delete(agent.id)
    agent.close()
  }

  #context(): AgentContext {
    const { clock, nextRevision, onEvent, logger } = this.#options
    const ended = new WeakSet<Agent>()
    return {
      clock,
      nextRevision,
      toldCounts: this.#toldCounts,
      onEvent,
      onUnreadable: logOnce(logger, 'cannot read the journal; will retry'),
      onFailure: logOnce(logger, 'failed to handle a line of the journal; continuing after it'),
      onChange: (agent) => {
        if (!agent.hasRunEnded) ended.delete(agent)
        else if (!ended.has(agent)) {
          ended.add(agent)
          const { run, exit, failure } = agent.snapshot
          this.#options.logger.info({ agent_id: agent.id, run, ...exit, ...failure }, 'agent ended')
          this.#onEnded(agent)
          this.#unseen.onEnded(agent)
        }
        this.#options.onChange(agent)
      },
    }
  }

  #onEnded(agent: Agent) {
    if (this.#closed || this.#sweeps.has(agent)) return
    const { logger } = this.#options
    const sweeping = sweepProcesses(agent)
      .then((count) => {
        if (count > 0) logger.info({ agent_id: agent.id, count }, "ended the agent's leftover processes")
      })
      .catch((err) => logger.warn({ agent_id: agent.id, err }, "cannot end the agent's leftover processes"))
      .finally(() => this.#sweeps.delete(agent))
    this.#sweeps.set(agent, sweeping)
    this.#restarts.onEnded(agent)
  }

  #checkSession(sessionId: string, except?: Agent) {
    checkSession(this.#agents.values(), this.#resuming, sessionId, except)
  }

  #checkElsewhere(runtime: RuntimeAdapter, sessionId: string, { env }: AgentSpec) {
    const theirs = { ...this.#options.environment, ...env }
    checkSessionElsewhere(runtime, sessionId, theirs, this.#agents.values())
  }

  #now() {
    return new Date(this.#options.clock.now()).toISOString()
  }
}
