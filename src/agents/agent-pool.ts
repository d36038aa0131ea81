import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isoTime } from '../platform/clock.ts'
import { Emitter } from '../platform/emitter.ts'
import { ensurePrivateDir } from '../platform/files.ts'
import type { CommandOf, Event } from '../protocol/index.ts'
import { Agent } from './agent.ts'
import type { AgentContext } from './agent-context.ts'
import { AgentList } from './agent-list.ts'
import type { AgentPoolOptions } from './agent-pool-options.ts'
import { logOnce } from './attempt.ts'
import { isCurrent, makeCurrent } from './disk/cursors-current.ts'
import { namesIn } from './disk/folder.ts'
import { FolderDeletion } from './disk/folder-deletion.ts'
import { JournalWatcher } from './disk/journal-watcher.ts'
import { loadAgent } from './disk/load-agent.ts'
import type { WorktreeRecord } from './disk/records.ts'
import { obstacleTo } from './disk/unreadable.ts'
import { Endings } from './endings.ts'
import { abandon, isKept } from './process/abandon.ts'
import { checkProcesses, endUnlaunched, GRACE_S, type StopOptions, stop } from './process/end.ts'
import { LaunchQueue } from './process/launch-queue.ts'
import { forgo } from './process/recall.ts'
import { beginRest, endRest } from './process/rest.ts'
import { Resumes } from './resumes.ts'
import { SessionGuard } from './session-guard.ts'
import { Starts } from './starts.ts'
import { takeOver } from './take-over.ts'

interface AgentPoolEvents {
  /** The agent's status has changed. */
  change: [agent: Agent]
  /** An event was read from a journal, for the first time or again. */
  event: [event: Event, agent: Agent]
  /** The journal has grown, or may have grown. */
  growth: [agent: Agent]
  removed: [agent: Agent]
  /** Lists all agents whose restart is delayed because they have ended too often. */
  crashLoops: [agents: Agent[]]
  /** An unreadable agent folder was renamed. */
  damaged: [path: string]
}

/** Finds, starts, resumes, watches and removes all agents of one state folder. */
export class AgentPool {
  readonly events = new Emitter<AgentPoolEvents>()
  readonly #options: AgentPoolOptions
  readonly #agents = new AgentList()
  readonly #watching: JournalWatcher
  readonly #launches: LaunchQueue
  readonly #endings: Endings
  readonly #sessions: SessionGuard
  readonly #starts: Starts
  readonly #resumes: Resumes
  readonly #discards: FolderDeletion
  #toldCounts = true

  constructor(options: AgentPoolOptions) {
    this.#options = options
    const { clock, logger } = options
    const onCrashLoops = (looping: Agent[]) => this.events.emit('crashLoops', looping)
    const agents = this.#agents
    const resume = (agent: Agent) => this.resume(agent, undefined)
    this.#launches = new LaunchQueue({ ...options, agents })
    this.#endings = new Endings({ clock, logger, onCrashLoops, resume })
    this.#sessions = new SessionGuard({ ...options, agents })
    const parts = { ...options, agents, sessions: this.#sessions, launches: this.#launches }
    this.#resumes = new Resumes({ ...parts, endings: this.#endings })
    this.#discards = new FolderDeletion(options)
    this.#starts = new Starts({
      ...parts,
      open: (records) => this.#open(new Agent(records, this.#context())),
      remove: (agent) => this.#remove(agent),
      discard: (path) => this.#discards.discard(path),
    })
    this.#watching = new JournalWatcher({
      clock,
      logger,
      onGrowth: (agent) => this.events.emit('growth', agent),
    })
  }

  [Symbol.iterator]() {
    return this.#agents[Symbol.iterator]()
  }

  get size() {
    return this.#agents.size
  }

  /** Returns an agent by id. @throws CommandFailure if there is none */
  get(agentId: string): Agent {
    return this.#agents.get(agentId)
  }

  find(agentId: string) {
    return this.#agents.find(agentId)
  }

  /** Takes over all agents of earlier daemons, running or ended, and completes interrupted launches. */
  adopt() {
    const { dir, logger, runtimes } = this.#options
    const onDamaged = (path: string) => this.events.emit('damaged', path)
    ensurePrivateDir(dir)
    this.#toldCounts = isCurrent(dir)
    const parts = { logger, launches: this.#launches, endings: this.#endings, now: () => this.#now() }
    const stop = (agent: Agent, options: StopOptions) => this.stop(agent, options)
    for (const name of namesIn(dir)) {
      let agent: Agent | undefined
      try {
        agent = loadAgent(join(dir, name), { runtimes, onDamaged, context: this.#context() })
        if (agent) takeOver(this.#open(agent), { ...parts, stop })
      } catch (error) {
        const obstacle = obstacleTo(error, join(dir, name))
        if (obstacle && (!agent || obstacle === error)) throw obstacle
        logger.error({ agent_id: name, err: error }, 'cannot take over the agent')
        if (!agent) onDamaged(join(dir, name))
      }
    }
    makeCurrent(dir, this)
  }

  /** @see Starts.start */
  start(command: CommandOf<'agent:start'>, worktree?: WorktreeRecord): Promise<Agent> {
    return this.#starts.start(command, worktree)
  }

  /** @see Resumes.resume */
  resume(agent: Agent, commandId: string | undefined, sessionId?: string): Promise<void> {
    return this.#resumes.resume(agent, commandId, sessionId)
  }

  /**
   * Runs a function that takes away the folder of an agent. The agent cannot be resumed in the meantime, and
   * its restart policy does not start it again afterward.
   * @throws CommandFailure if the agent is running
   */
  async withoutFolder(agent: Agent, run: () => Promise<void>): Promise<void> {
    await this.#resumes.whileEnded(agent, async () => {
      await this.#endings.swept(agent)
      await run()
    })
    this.#endings.cancelRestart(agent)
    this.#endings.keepEnded(agent)
  }

  /** Ends an agent gracefully. @see stop */
  async stop(agent: Agent, options: StopOptions) {
    endRest(agent)
    await this.#stop(agent, options)
  }

  /** Ends an idle agent gracefully. Its next prompt starts it again. @param why explanation, as sentences */
  async rest(agent: Agent, why: string) {
    beginRest(agent)
    await this.#stop(agent, { commandId: `rest-${agent.id}-${agent.run.run}` })
    agent.explain(why)
  }

  async #stop(agent: Agent, options: StopOptions) {
    if (this.#launches.cancel(agent)) endUnlaunched(agent, options)
    await this.#resumes.settled(agent)
    this.#endings.cancelRestart(agent)
    // An earlier daemon may have been killed while it was stopping the agent for a restart.
    if (!agent.hasEnded && options.cause !== 'rebooted') forgo(agent)
    this.#endings.keepEnded(agent)
    await stop(agent, options)
    await this.#endings.swept(agent)
  }

  /** @see UnseenEnds.explain */
  explain(why: (agent: Agent) => string | undefined, back: boolean) {
    this.#endings.explain(why, back)
  }

  /** Stops automatic restarts and queued launches. Resolves when the starts already in progress are done. */
  async settle() {
    this.#endings.stopRestarts()
    await this.#launches.close()
    await this.#resumes.allSettled()
  }

  /** Forgets an agent that has ended and deletes its folder. */
  remove(agent: Agent): Promise<void> {
    return this.#remove(agent, this.#options.onRemoval)
  }

  async #remove(agent: Agent, onRemoval?: AgentPoolOptions['onRemoval']) {
    this.#forget(agent)
    // From here on, nothing but the record shows that the agent was started. So write it before the folder is
    // deleted.
    await Promise.all([onRemoval?.(agent), this.#endings.swept(agent)])
    const deleted = this.#discards.discard(agent.folder.dir)
    this.events.emit('removed', agent)
    // Close the journal, because the sweep may have opened it again.
    agent.journal.close()
    await deleted
  }

  /**
   * Checks for changes that cause no notification: agents whose end no launcher recorded, and journals whose
   * growth no watcher reported.
   */
  check(agent: Agent) {
    if (!existsSync(agent.folder.spec)) return this.#onVanished(agent)
    if (agent.hasEnded && agent.backlog === 0) return
    try {
      this.events.emit('growth', agent)
      if (!agent.hasEnded) checkProcesses(agent)
    } catch (error) {
      // The cause may be a full disk; the end is recorded when there is space again. Other agents must not be
      // affected.
      this.#options.logger.warn({ agent_id: agent.id, err: error }, 'cannot check the agent')
    }
  }

  /** @see Agent.save */
  save(agent: Agent, options?: { changed: boolean }) {
    const { logger } = this.#options
    try {
      const { id: agent_id, acked } = agent
      if (agent.save(options))
        logger.debug({ agent_id, acked, offset: agent.snapshot.offset }, 'cursor saved')
    } catch (error) {
      // The disk is full. The cursor can be restored from the journal.
      logger.warn({ agent_id: agent.id, err: error }, 'cannot save the cursor')
    }
  }

  /** Closes all agents without touching their processes. */
  close() {
    this.#discards.close()
    this.#endings.close()
    void this.#launches.close()
    for (const agent of [...this.#agents]) {
      this.save(agent)
      this.#forget(agent)
    }
  }

  #open(agent: Agent): Agent {
    this.#agents.add(agent)
    this.#options.redactor.learn(agent.record.spec.env)
    this.#watching.add(agent)
    agent.inbox.events.on('put', ({ id: input_id, kind }) =>
      this.#options.logger.debug({ agent_id: agent.id, input_id, kind }, 'input put'),
    )
    return agent
  }

  /**
   * Handles a deleted folder. If the whole state folder was deleted, another part of the daemon handles this.
   */
  #onVanished(agent: Agent) {
    if (!existsSync(dirname(this.#options.dir))) return
    const kept = isKept(agent)
    const what = agent.hasEnded
      ? 'forgetting it'
      : kept
        ? 'leaving the agent running, as its lease requires'
        : 'ending it'
    this.#options.logger.error({ agent_id: agent.id }, `the agent's folder was deleted: ${what}`)
    void this.#options.onRemoval?.(agent)
    this.events.emit('removed', agent)
    this.#forget(agent)
    if (!agent.hasEnded && !kept) void abandon(agent, GRACE_S)
  }

  #forget(agent: Agent) {
    this.#launches.cancel(agent)
    this.#watching.forget(agent)
    this.#endings.forget(agent)
    this.#agents.delete(agent)
    agent.close()
  }

  #context(): AgentContext<Agent> {
    const { clock, nextRevision, redactor, logger } = this.#options
    return {
      clock,
      nextRevision,
      redactor,
      toldCounts: this.#toldCounts,
      onEvent: (agent, event) => this.events.emit('event', event, agent),
      onUnreadable: logOnce(logger, 'cannot read the journal; will retry'),
      onFailure: logOnce(logger, 'failed to handle a line of the journal; continuing after it'),
      onChange: (agent) => {
        this.#endings.onChange(agent)
        this.events.emit('change', agent)
      },
    }
  }

  #now() {
    return isoTime(this.#options.clock.now())
  }
}
