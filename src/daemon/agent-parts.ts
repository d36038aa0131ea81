import { AgentPool } from '../agents/agent-pool.ts'
import type { Permit } from '../agents/permit.ts'
import { MemoryRoom } from '../agents/process/memory-room.ts'
import { runtimes } from '../agents/runtimes/index.ts'
import { RepositoryTrust } from '../agents/trust/repository-trust.ts'
import { TrustedFiles } from '../agents/trust/trusted-files.ts'
import { agentUmask } from '../config/environment.ts'
import { memory } from '../platform/disk.ts'
import { memoryOfTrees } from '../platform/memory-of-trees.ts'
import { memoryPressure } from '../platform/memory-pressure.ts'
import { Budgets } from './budgets.ts'
import { ControlGroups } from './control-groups.ts'
import type { DaemonOptions } from './daemon-options.ts'
import { DayCosts } from './day-costs.ts'
import { hasBegun } from './has-begun.ts'
import { IdleAgents } from './idle-agents.ts'
import { JournalFeed } from './journal-feed.ts'
import { LongTurns } from './long-turns.ts'
import type { MachineParts } from './machine-parts.ts'
import { MemoryPeaks } from './memory-peaks.ts'
import { memoryReserve } from './memory-reserve.ts'
import { ModeGuard } from './mode-guard.ts'
import { PolicyGuard } from './policy-guard.ts'
import { Redaction } from './redaction.ts'
import { secretPlaces } from './secret-places.ts'
import { ServerOffsets } from './server-offsets.ts'
import { SignatureGuard } from './signature-guard.ts'
import { StartLimit } from './start-limit.ts'
import { StateFolder } from './state-folder.ts'
import { Traces } from './traces/traces.ts'
import { Upkeep } from './upkeep.ts'
import { UsageLimits } from './usage-limits.ts'

/** Creates the agents, and the parts that send their journals to the server. */
export function agentParts({ config, paths, clock, logger }: DaemonOptions, parts: MachineParts) {
  const { machine, current, environment, link, answers, health, outbox, fates, admission } = parts
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
    policy: () => policy.lastReadable,
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
    redactor: redaction,
    trust,
    room: memoryRoom(policy, peaks),
    environment,
    umask: agentUmask(process.env),
    shelter: () => fates.shelter(),
    groups: () => groups.open(),
    onRemoval: (agent) => answers.onRemoved(agent, signatures.untilOfOthers()),
    resumeTurns: config.resume_turns,
    maxAgents: config.max_agents,
    clock,
    logger,
    nextRevision: machine.nextRevision,
  })
  const costs = new DayCosts({ path: paths.costs, clock, agents })
  const budgets = new Budgets({ agents, costs, policy: () => policy.lastReadable, logger })
  return {
    agents,
    budgets,
    trust,
    signatures,
    peaks,
    policy,
    redaction,
    modes: new ModeGuard({ agents, policy: () => policy.lastReadable, logger }),
    idle: new IdleAgents({ agents, policy: () => policy.lastReadable, clock, logger }),
    limits: new UsageLimits({ agents, check: (command) => policy.check(command), clock, logger }),
    turns: new LongTurns({ agents, policy: () => policy.lastReadable, clock, logger }),
    traces: config.traces && new Traces(config.traces, { machine, redaction, clock, logger }),
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

const memoryRoom = (policy: PolicyGuard, peaks: MemoryPeaks) =>
  new MemoryRoom({
    memory,
    pressure: () => memoryPressure(),
    reserve: () => memoryReserve(policy.lastReadable),
    peakOf: (runtime) => peaks.peakOf(runtime),
  })

export type AgentParts = MachineParts & ReturnType<typeof agentParts>
