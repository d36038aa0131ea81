import type { Agent } from '../agents/agent.ts'
import { AgentPool } from '../agents/agent-pool.ts'
import { withdraw } from '../agents/process/recall.ts'
import { claude } from '../agents/runtimes/claude/index.ts'
import { toldEnvironment } from '../config/compared-environment.ts'
import type { DaemonConfig } from '../config/daemon-config.ts'
import { agentUmask, childEnvironment } from '../config/environment.ts'
import type { StatePaths } from '../config/paths.ts'
import { Outbox } from '../link/outbox.ts'
import { ServerConnection } from '../link/server-connection.ts'
import { sleep, systemClock } from '../platform/clock.ts'
import { diskSpaceOf, memory } from '../platform/disk.ts'
import type { Logger } from '../platform/log.ts'
import { VERSION } from '../platform/version.ts'
import {
  type Command,
  type FromServer,
  type Hello,
  isCommand,
  type ProtocolError,
  type Refuse,
  type ResultOf,
  type Welcome,
} from '../protocol/index.ts'
import { isUnderWay } from '../update/record.ts'
import { Schedule } from '../update/schedule.ts'
import { Updates } from '../update/updates.ts'
import { Admission } from './admission.ts'
import { AgentsFate } from './agents-fate.ts'
import { CommandLog } from './command-log.ts'
import { conditionOf } from './condition.ts'
import { describeAgent } from './describe-agent.ts'
import { Dispatcher } from './dispatcher.ts'
import { greet } from './greeting.ts'
import { Health } from './health.ts'
import { openIdentity } from './identity.ts'
import type { Invocation } from './relaunch.ts'
import { wayOfLink } from './route.ts'
import { ServerOffsets } from './server-offsets.ts'
import { standDown, stopAll } from './stand-down.ts'
import { StateFolder } from './state-folder.ts'
import { StatusSender } from './status-sender.ts'
import { UpdateHealth } from './update-health.ts'
import { Upkeep } from './upkeep.ts'
import { warnOfCopy, warnOfReplacement } from './warn-of-copy.ts'
import { warnOfForeignAgents } from './warn-of-foreign-agents.ts'
import { warnOfNewMachine } from './warn-of-new-machine.ts'

/** Maximum wait for the last activity to be acknowledged when the daemon stops, in ms. */
const FLUSH_MS = 10_000
const HURRIED_FLUSH_MS = 2000
const FLUSH_STEP_MS = 20

export interface DaemonOptions {
  config: DaemonConfig
  paths: StatePaths
  logger: Logger
  /** Command line and environment of this process. */
  invocation: Invocation
  supervised: boolean
  /** Ends this daemon, so that it, or the program at `entry`, starts in its place. */
  restart(entry?: string): ResultOf<'daemon:restart'>
}

/** Connects the parts of a daemon: agents and the server. The caller handles signals and processes. */
export class Daemon {
  readonly #options: DaemonOptions
  readonly #startedAt = new Date().toISOString()
  readonly #machine
  readonly #agents: AgentPool
  readonly #health: Health
  readonly #fates: AgentsFate
  readonly #updateHealth: UpdateHealth
  readonly #admission: Admission
  readonly #outbox: Outbox
  readonly #standing: ServerOffsets
  readonly #statuses: StatusSender
  readonly #ledger: CommandLog
  readonly #dispatcher: Dispatcher
  readonly #upkeep: Upkeep
  readonly #link: ServerConnection
  readonly #schedule: Schedule
  readonly updates: Updates
  readonly ground: StateFolder
  readonly #catchingUp = new Set<Agent>()

  /** Takes over the contents of the state folder. Does not connect yet. */
  constructor(options: DaemonOptions) {
    this.#options = options
    const { config, paths, logger, invocation, supervised, restart } = options
    const clock = systemClock
    const environment = childEnvironment(process.env)
    const runtimes = { claude }

    this.#machine = openIdentity(config, paths, this.#startedAt)
    const { nextRevision } = this.#machine
    this.#ledger = new CommandLog(paths.ledger)
    this.#link = new ServerConnection({
      url: config.server_url,
      key: config.key,
      ...(config.ca_file && { caFile: config.ca_file }),
      userAgent: `fomular-daemon/${VERSION}`,
      clock,
      logger,
      way: wayOfLink(config, paths, logger),
      untilReady: () => this.#machine.saved(),
      hello: () => {
        this.#statuses.told()
        return this.#hello()
      },
      onWelcome: (welcome) => this.#live(welcome),
      onMessage: (message) => this.#message(message),
      onDrained: () => {
        this.#statuses.flush()
        this.#outbox.onDrained()
      },
      onDown: () => this.#standing.onDisconnected(),
      onRefused: (refusal) => this.updates.onRefused(refusal),
      onSuperseded: (message) => warnOfReplacement(message, paths, this.#health),
    })
    this.#statuses = new StatusSender(this.#link)
    this.#outbox = new Outbox(this.#link)
    this.#health = new Health({
      runtimes: Object.values(runtimes),
      cachePath: paths.runtimes,
      stateDir: paths.dir,
      environment,
      disk: diskSpaceOf(paths.dir),
      memory,
      clock,
      nextRevision,
      onChange: () => this.#statuses.machine(() => this.#health.status()),
      onAwake: () => this.#link.nudge(),
    })
    this.#fates = new AgentsFate({ pid: process.pid, env: process.env, health: this.#health, logger })
    this.#updateHealth = new UpdateHealth(this.#health)
    this.#admission = new Admission(this.#health)
    this.#agents = new AgentPool({
      dir: paths.agents,
      runtimes,
      program: (runtime) => this.#admission.program(runtime),
      environment,
      umask: agentUmask(process.env),
      shelter: () => this.#fates.shelter(),
      resumeTurns: config.resume_turns,
      maxAgents: config.max_agents,
      clock,
      logger,
      nextRevision,
      onChange: (agent) => this.#statuses.agent(agent),
      onEvent: (event) => this.#health.observe(event),
      onGrowth: (agent) => this.#grown(agent),
      onRemoved: (agent) => this.#onRemoved(agent),
      onCrashLoops: (agents) => this.#health.crashLoops(agents),
      onDamaged: (path) => this.#damagedAt(path),
    })
    this.#standing = new ServerOffsets({ agents: this.#agents, outbox: this.#outbox, clock, logger })
    this.updates = new Updates({
      stateDir: paths.dir,
      running: VERSION,
      policy: config.update,
      started: invocation,
      supervised,
      clock,
      logger,
      onProgress: (command_id, stage, message) =>
        this.#link.send({
          type: 'daemon:update:progress',
          command_id,
          stage,
          ...(message !== undefined && { message }),
        }),
      onChange: (record) => this.#updateHealth.onUpdate(record),
      onSettled: (result) => void this.#dispatcher.answer(result),
      restart,
    })
    this.#schedule = new Schedule({
      policy: config.update,
      updates: this.updates,
      clock,
      logger,
      onLooked: (error) => this.#updateHealth.onLooked(error),
    })
    this.#dispatcher = new Dispatcher({
      context: {
        agents: this.#agents,
        checkAccepts: () => this.#admission.checkRoom(),
        checkMachine: () => this.#health.probe(),
        restart: () => restart(),
        updates: this.updates,
      },
      ledger: this.#ledger,
      send: (result) => this.#link.send(result),
      logger,
    })
    this.#upkeep = new Upkeep({
      agents: this.#agents,
      isConnected: () => this.#link.isUp,
      journalCapBytes: config.journal_cap_mb * 1024 * 1024,
      retainEndedDays: config.retain_ended_days,
      clock,
      logger,
    })
    this.ground = new StateFolder({
      paths,
      agents: this.#agents,
      health: this.#health,
      machine: this.#machine,
      graceS: config.stop_grace_s,
      logger,
    })
    warnOfNewMachine(this.#machine, paths, this.#health, logger)
    warnOfCopy(this.#machine, paths, this.#health, logger, this.#startedAt)
    if (this.#machine.damaged) this.#damagedAt(this.#machine.damaged)
    this.#agents.adopt()
    warnOfForeignAgents(this.#agents, this.#health, logger)
  }

  start() {
    this.#fates.start(this.#agents, isUnderWay(this.#options.paths.dir))
    this.updates.takeUp()
    this.#health.start()
    this.#upkeep.start()
    this.#schedule.start()
    this.#link.start()
  }

  /** Returns the content of `fomular-daemon status`. Pings the server to learn if it hears this daemon. */
  async status() {
    const { config, paths } = this.#options
    const [pong] = await Promise.all([this.#link.ping(), this.#fates.look()])
    const end = this.#fates.told(this.#agents)
    return {
      version: VERSION,
      pid: process.pid,
      machine_id: this.#machine.machine_id,
      started_at: this.#startedAt,
      state_dir: paths.dir,
      server_url: config.server_url,
      link: this.#link.info(),
      /** Round trip in milliseconds; null if the server does not hear this daemon. */
      server_hears_ms: pong ?? null,
      machine: this.#health.status(),
      agents: [...this.#agents].map((agent) => agent.status()),
      ...(end && { agents_end: end }),
      environment: toldEnvironment(process.env),
    }
  }

  describeAgent(body: unknown) {
    return describeAgent((id) => this.#agents.find(id), body)
  }

  /** Returns the daemon's condition as one line, for its supervisor. */
  condition() {
    return conditionOf(this.#options.config.server_url, this.#link, this.#agents)
  }

  checkMachine() {
    return this.#health.probe()
  }

  /** Prepares for a restart. @see standDown */
  async standDown(hurry: AbortSignal, signaled: boolean): Promise<void> {
    const { config, logger } = this.#options
    await standDown({
      agents: this.#agents,
      fates: this.#fates,
      signaled,
      takeNoCommands: () => this.#link.close(),
      whenCommandsIdle: () => this.#dispatcher.whenIdle(HURRIED_FLUSH_MS),
      stop: { commandId: `recall-${this.#startedAt}`, graceS: config.stop_grace_s, hurry },
      logger,
    })
  }

  /**
   * Stops all agents, sends the server their last activity, and releases everything.
   * @param hurry shortens the grace periods
   * @param cause `rebooted` if the machine goes down: agents come back if their restart policy says so
   */
  async shutDown(hurry: AbortSignal, cause: 'stopped' | 'rebooted'): Promise<void> {
    const { config, logger } = this.#options
    this.updates.onStopped()
    this.#dispatcher.drain()
    await this.#agents.settle()
    await this.#fates.attribute(this.#agents, cause)
    if (cause === 'stopped') await stopAll(this.#agents, withdraw, logger)
    const running = [...this.#agents].filter((agent) => !agent.hasEnded)
    if (running.length > 0) logger.info({ agents: running.length }, 'stopping the agents')
    const commandId = `shutdown-${this.#startedAt}-${Date.now()}`
    const options = { commandId, graceS: config.stop_grace_s, hurry, cause }
    await stopAll(running, (agent) => this.#agents.stop(agent, options), logger)
    await this.#flush(hurry)
    await this.release()
  }

  /** Releases everything without touching an agent. The next daemon finishes the commands in progress. */
  async release(): Promise<void> {
    this.#dispatcher.drain()
    this.updates.close()
    this.#schedule.stop()
    this.#upkeep.stop()
    this.#health.stop()
    this.#statuses.flush()
    this.#link.close()
    this.#outbox.close()
    this.#agents.close()
    this.#ledger.close()
  }

  /** Waits until due results have been sent, but not for replies of agents. */
  async drainResults(): Promise<void> {
    await this.#dispatcher.whenIdle(HURRIED_FLUSH_MS)
    await this.#link.ping(HURRIED_FLUSH_MS)
  }

  /** Waits until the server has all activity and, since the link keeps the order, all earlier statuses. */
  async #flush(hurry: AbortSignal) {
    for (const agent of this.#agents) this.#grown(agent)
    const start = systemClock.monotonic()
    const patience = () => (hurry.aborted ? HURRIED_FLUSH_MS : FLUSH_MS)
    const behind = () => [...this.#agents].some((agent) => agent.backlog > 0)
    while (this.#link.isUp && behind() && systemClock.monotonic() - start < patience())
      await sleep(FLUSH_STEP_MS)
    this.#statuses.flush()
    await this.#dispatcher.whenIdle(patience())
    await this.#link.ping(patience())
  }

  #hello(): Hello {
    const { hello, shortened } = greet({
      machine_id: this.#machine.machine_id,
      started_at: this.#startedAt,
      machine: this.#health.status(),
      agents: [...this.#agents].map((agent) => agent.status()),
    })
    // After the welcome, the server receives the full statuses.
    for (const agentId of shortened) this.#agents.find(agentId)?.touch()
    return hello
  }

  #live(welcome: Welcome): ProtocolError[] {
    this.#statuses.flush()
    const wrong = this.#standing.onWelcome(welcome)
    this.updates.onWelcomed()
    void this.#admission.runtimesKnown()
    return wrong
  }

  #message(message: Exclude<FromServer, Welcome | Refuse> | Command): ProtocolError[] {
    if (isCommand(message)) this.#dispatcher.take(message)
    switch (message.type) {
      case 'agent:ack':
        return this.#standing.onAck(message)
      case 'agent:resend':
        return this.#standing.onResend(message)
      case 'protocol:error':
        this.#options.logger.warn({ error: message }, 'the server rejected a frame')
        return []
    }
    return []
  }

  #grown(agent: Agent) {
    if (this.#outbox.offer(agent)) return
    // Follow the journal without the link, too: it shows the agent's state and the prompts it accepted.
    if (agent.catchUp()) this.#catchUpLater(agent)
  }

  /** A long journal must not hold up everything else. */
  #catchUpLater(agent: Agent) {
    if (this.#catchingUp.has(agent)) return
    this.#catchingUp.add(agent)
    setImmediate(() => {
      this.#catchingUp.delete(agent)
      this.#grown(agent)
    })
  }

  #onRemoved(agent: Agent) {
    this.#standing.onRemoved(agent)
    this.#statuses.drop(agent.id)
  }

  #damagedAt(path: string) {
    this.#options.logger.error({ path }, 'a damaged file was set aside')
    this.#health.damaged(path)
  }
}
