import { AgentPool } from '../agents/agent-pool.ts'
import type { Permit } from '../agents/permit.ts'
import { MemoryRoom } from '../agents/process/memory-room.ts'
import { runtimes } from '../agents/runtimes/index.ts'
import { RepositoryTrust } from '../agents/trust/repository-trust.ts'
import { TrustedFiles } from '../agents/trust/trusted-files.ts'
import type { DaemonConfig } from '../config/daemon-config.ts'
import { agentUmask, childEnvironment } from '../config/environment.ts'
import type { StatePaths } from '../config/paths.ts'
import { Outbox, type Outlet } from '../link/outbox.ts'
import { ServerConnection } from '../link/server-connection.ts'
import { type Clock, isoTime } from '../platform/clock.ts'
import { diskSpaceOf, memory } from '../platform/disk.ts'
import type { Logger } from '../platform/log.ts'
import { memoryOfTrees } from '../platform/memory-of-trees.ts'
import { memoryPressure } from '../platform/memory-pressure.ts'
import { VERSION } from '../platform/version.ts'
import type { Command, ResultOf } from '../protocol/index.ts'
import { Schedule } from '../update/schedule.ts'
import { Updates } from '../update/updates.ts'
import { Admission } from './admission.ts'
import { AgentsFate } from './agents-fate.ts'
import { Answers } from './answers.ts'
import { Budgets } from './budgets.ts'
import { chosenUser } from './chosen-user.ts'
import { CommandLog } from './command-log.ts'
import { ControlGroups } from './control-groups.ts'
import { DayCosts } from './day-costs.ts'
import { Dispatcher } from './dispatcher.ts'
import { hasBegun } from './has-begun.ts'
import { Health } from './health.ts'
import { openIdentity } from './identity.ts'
import { IdleAgents } from './idle-agents.ts'
import { JournalFeed } from './journal-feed.ts'
import { LongTurns } from './long-turns.ts'
import { MemoryPeaks } from './memory-peaks.ts'
import { memoryReserve } from './memory-reserve.ts'
import { Messages } from './messages.ts'
import { ModeGuard } from './mode-guard.ts'
import { openPolicy } from './open-policy.ts'
import { PolicyGuard } from './policy-guard.ts'
import { Redaction } from './redaction.ts'
import type { Invocation } from './relaunch.ts'
import { routeOfLink } from './route.ts'
import { secretPlaces } from './secret-places.ts'
import { ServerOffsets } from './server-offsets.ts'
import { SignatureGuard } from './signature-guard.ts'
import { StartLimit } from './start-limit.ts'
import { StateFolder } from './state-folder.ts'
import { type StatusConnection, StatusSender } from './status-sender.ts'
import { UpdateHealth } from './update-health.ts'
import { updateOrders } from './update-orders.ts'
import { Upkeep } from './upkeep.ts'
import { UsageLimits } from './usage-limits.ts'
import { warnOfReplacement } from './warn-of-copy.ts'

export interface DaemonOptions {
  config: DaemonConfig
  paths: StatePaths
  clock: Clock
  logger: Logger
  /** Command line and environment of this process. */
  invocation: Invocation
  supervised: boolean
  /** Ends this daemon and starts the next daemon, with the same program or the program at `entry`. */
  restart(entry?: string): ResultOf<'daemon:restart'>
}

export type Parts = ReturnType<typeof assemble>

/** Creates the parts of a daemon and connects them. Each part is created from earlier parts. */
export function assemble(options: DaemonOptions) {
  const base = machineParts(options)
  const withAgents = { ...base, ...agentParts(options, base) }
  const parts = { ...withAgents, ...commandParts(options, withAgents) }
  connect(options, parts)
  return parts
}

type MachineParts = ReturnType<typeof machineParts>
type AgentParts = MachineParts & ReturnType<typeof agentParts>

/** Creates the parts for the machine: its identity, its connection to the server, and its condition. */
function machineParts({ config, paths, clock, logger }: DaemonOptions) {
  const startedAt = isoTime(clock.now())
  const machine = openIdentity(config, paths, startedAt)
  const { nextRevision } = machine
  const environment = childEnvironment(process.env)
  const link = new ServerConnection({
    url: config.server_url,
    key: config.key,
    ...(config.ca_file && { caFile: config.ca_file }),
    userAgent: `fomular-daemon/${VERSION}`,
    clock,
    logger,
    way: routeOfLink(config, paths, logger),
    untilReady: () => machine.saved(),
  })
  const current = openPolicy(config, machine, paths, { clock, logger })
  const health = new Health({
    runtimes: Object.values(runtimes),
    cachePath: paths.runtimes,
    stateDir: paths.dir,
    environment,
    user: chosenUser(current),
    disk: diskSpaceOf(paths.dir),
    memory,
    clock,
    nextRevision,
  })
  return {
    startedAt,
    machine,
    environment,
    link,
    health,
    statuses: new StatusSender(link satisfies StatusConnection),
    outbox: new Outbox(link satisfies Outlet, clock),
    fates: new AgentsFate({ pid: process.pid, env: process.env, health, clock, logger }),
    admission: new Admission(health),
    current,
  }
}

/** Creates the agents, and the parts that send their journals to the server. */
function agentParts({ config, paths, clock, logger }: DaemonOptions, parts: MachineParts) {
  const { machine, current, environment, link, health, outbox, fates, admission } = parts
  const starts = new StartLimit({ path: paths.starts, clock })
  const policy = new PolicyGuard({
    current,
    starts,
    budgets: { check: (command, policy) => budgets.check(command, policy) },
    health,
    hidden: (policy) => secretPlaces(config, paths, policy),
    logger,
  })
  const signatures = new SignatureGuard({
    current,
    machineId: machine.machine_id,
    clock,
    hasBegun: (command) => hasBegun(agents, command),
    counted: (failure, what) => policy.counted(failure, what),
  })
  const peaks = new MemoryPeaks({
    path: paths.memory,
    totalBytes: memory().total_bytes,
    memoryOf: (pids) => memoryOfTrees(pids),
    monotonic: () => clock.monotonic(),
  })
  const redaction = new Redaction({
    policy: () => policy.lastRead,
    environment: process.env,
    environments: () => [...agents].map(({ record }) => record.spec.env),
  })
  const permit: Permit = (spec, ...rest) => {
    redaction.learn(spec.env)
    return policy.permit(spec, ...rest)
  }
  const trust = new RepositoryTrust({ permit, environment, trusted: new TrustedFiles(paths.trusted) })
  const groups = new ControlGroups({
    agentsDir: paths.agents,
    agents: () => agents,
    env: process.env,
    logger,
  })
  const agents: AgentPool = new AgentPool({
    dir: paths.agents,
    runtimes,
    program: async (runtime) => {
      policy.checkUser()
      return admission.program(runtime)
    },
    permit,
    trust,
    room: new MemoryRoom({
      memory,
      pressure: () => memoryPressure(),
      reserve: () => memoryReserve(policy.lastRead),
      peakOf: (runtime) => peaks.peakOf(runtime),
    }),
    environment,
    umask: agentUmask(process.env),
    shelter: () => fates.shelter(),
    groups: () => groups.open(),
    resumeTurns: config.resume_turns,
    maxAgents: config.max_agents,
    clock,
    logger,
    nextRevision: machine.nextRevision,
  })
  const costs = new DayCosts({ path: paths.costs, clock, agents })
  const budgets = new Budgets({ agents, costs, policy: () => policy.lastRead, logger })
  return {
    agents,
    budgets,
    trust,
    signatures,
    peaks,
    policy,
    redaction,
    modes: new ModeGuard({ agents, policy: () => policy.lastRead, logger }),
    idle: new IdleAgents({ agents, policy: () => policy.lastRead, clock, logger }),
    limits: new UsageLimits({ agents, check: (command) => policy.check(command), clock, logger }),
    turns: new LongTurns({ agents, policy: () => policy.lastRead, clock, logger }),
    feed: new JournalFeed(outbox, logger),
    offsets: new ServerOffsets({ agents, outbox, clock, logger }),
    upkeep: new Upkeep({
      agents,
      isConnected: () => link.isUp,
      journalCapBytes: config.journal_cap_mb * 1024 * 1024,
      retainEndedDays: config.retain_ended_days,
      clock,
      logger,
    }),
    ground: new StateFolder({ paths, agents, health, machine, graceS: config.stop_grace_s, logger }),
  }
}

/** Creates the parts that carry out commands and updates, and that handle the server's messages. */
function commandParts(
  { config, paths, clock, logger, invocation, supervised, restart }: DaemonOptions,
  parts: AgentParts,
) {
  const { link, health, agents, admission, policy, signatures } = parts
  const commandLog = new CommandLog(paths.ledger)
  const answers = new Answers({ commandLog, link, logger })
  const updateHealth = new UpdateHealth(health)
  const updates = new Updates({
    stateDir: paths.dir,
    running: VERSION,
    policy: config.update,
    orders: updateOrders(() => policy.inForce),
    started: invocation,
    supervised,
    clock,
    logger,
    onProgress: (command_id, stage, message) =>
      link.send({
        type: 'daemon:update:progress',
        command_id,
        stage,
        ...(message !== undefined && { message }),
      }),
    onChange: (record) => updateHealth.onUpdate(record),
    onSettled: (result) => void answers.give(result, signatures.untilOfOthers()),
    restart,
  })
  const schedule = new Schedule({
    policy: config.update,
    updates,
    clock,
    logger,
    onLooked: (error) => updateHealth.onLooked(error),
  })
  const context = {
    agents,
    trust: parts.trust,
    checkAccepts: () => admission.checkRoom(),
    checkPolicy: (command: Command, overtaken?: AbortSignal) => policy.check(command, overtaken),
    redacted: <T extends object>(part: T) => parts.redaction.redactPart(part),
    checkMachine: () => health.probe(),
    restart: () => restart(),
    updates,
  }
  const dispatcher = new Dispatcher({
    context,
    admit: (command) => signatures.admit(command),
    answers,
    logger,
  })
  const messages = new Messages({ ...parts, dispatcher, updates, logger })
  return { commandLog, updates, schedule, dispatcher, messages }
}

/** Connects parts of the daemon that do not import each other. */
function connect({ paths, logger }: DaemonOptions, parts: AgentParts & ReturnType<typeof commandParts>) {
  const { link, health, signatures, policy, modes, idle, limits, turns, statuses } = parts
  const { outbox, agents, budgets, peaks, feed, offsets, updates } = parts

  link.events.on('drained', () => statuses.flush())
  link.events.on('drained', () => outbox.onDrained())
  link.events.on('down', () => offsets.onDisconnected())
  link.events.on('refused', (refusal) => updates.onRefused(signatures.heeded(refusal)))
  link.events.on('superseded', (message) => warnOfReplacement(message, paths, health))

  health.events.on('change', () => statuses.onMachine(() => health.status()))
  health.events.on('awake', () => link.nudge())
  health.events.on('check', () => policy.refresh())
  policy.onChange(() => modes.checkAll())
  policy.onChange(() => void health.probe())
  health.events.on('check', () => peaks.observe(agents))
  health.events.on('check', () => idle.check())
  health.events.on('check', () => turns.check())
  health.events.on('check', () => limits.check())

  agents.events.on('change', (agent) => statuses.onAgent(agent))
  agents.events.on('change', (agent) => modes.check(agent))
  agents.events.on('change', (agent) => budgets.onChange(agent))
  agents.events.on('event', (event, { runtime }) => health.observe(event, runtime))
  agents.events.on('event', (event, agent) => turns.onEvent(event, agent))
  agents.events.on('growth', (agent) => feed.onGrowth(agent))
  agents.events.on('removed', (agent) => offsets.onRemoved(agent))
  agents.events.on('removed', ({ id }) => statuses.drop(id))
  agents.events.on('crashLoops', (looping) => health.crashLoops(looping))
  agents.events.on('damaged', (path) => logger.error({ path }, 'a damaged file was renamed'))
  agents.events.on('damaged', (path) => health.damaged(path))
}
