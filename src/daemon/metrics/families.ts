import type { Agent } from '../../agents/agent.ts'
import { runtimes } from '../../agents/runtimes/index.ts'
import { resetOf } from '../../agents/state/limit.ts'
import type { ServerConnection } from '../../link/server-connection.ts'
import { buildInfo, Counter, census, gauge } from '../../metrics/families.ts'
import type { Family } from '../../metrics/family-schema.ts'
import type { Clock } from '../../platform/clock.ts'
import { memoryOfTrees } from '../../platform/memory-of-trees.ts'
import { VERSION } from '../../platform/version.ts'
import { PolicyFile } from '../../policy/schema.ts'
import { AGENT_STATES, HealthProblemCode } from '../../protocol/index.ts'
import type { Health } from '../health.ts'
import type { PolicyGuard } from '../policy-guard.ts'
import type { Observed } from './observed.ts'

export interface MetricsParts {
  agents: Iterable<Agent>
  link: Pick<ServerConnection, 'isUp'>
  health: Pick<Health, 'status'>
  policy: Pick<PolicyGuard, 'refused'>
  observed: Observed
  clock: Clock
}

const RUNTIMES = Object.keys(runtimes)
/** First parts of the keys of a policy; `policy` stands for a policy that cannot be read. */
const POLICY_KEYS = ['policy', ...Object.keys(PolicyFile.shape)]

/** Returns all metrics of a daemon. Everything but the counters is read only now. */
export function daemonFamilies({ agents, link, health, policy, observed, clock }: MetricsParts): Family[] {
  const all = [...agents]
  const { problems, disk, memory, load } = health.status()
  return [
    buildInfo(VERSION),
    gauge('fomular_link_up', '1 if the daemon is connected to its server.', link.isUp ? 1 : 0),
    gauge(
      'fomular_link_unacked_bytes',
      'Activity that was sent and is not acknowledged.',
      sum(all, ({ sent, acked }) => sent - acked),
    ),
    gauge(
      'fomular_delivery_lag_bytes',
      'Activity that the server has not acknowledged.',
      sum(all, ({ backlog }) => backlog),
    ),
    census(
      'fomular_agents',
      'Agents on this machine.',
      all,
      { runtime: RUNTIMES, state: AGENT_STATES },
      ({ record, snapshot }) => ({ runtime: record.spec.runtime, state: snapshot.state }),
    ),
    gauge(
      'fomular_agents_queued',
      'Agents that wait for their launch.',
      all.filter(({ launching, hasRunEnded }) => launching.queued !== undefined && !hasRunEnded).length,
    ),
    gauge('fomular_agents_memory_bytes', 'Memory of all agents with their processes.', memoryOf(all)),
    gauge(
      'fomular_permission_requests_open',
      'Requests that wait for a person.',
      sum(all, ({ snapshot }) => snapshot.pending.length + (snapshot.pending_omitted ?? 0)),
    ),
    limitResets(all, clock.now()),
    census(
      'fomular_machine_problems',
      'Problems of the machine, as `status` reports them.',
      problems,
      { code: HealthProblemCode.options, severity: ['info', 'warning', 'error'] },
      ({ code, severity }) => ({ code, severity }),
    ),
    gauge(
      'fomular_disk_available_bytes',
      'Free space on the disk of the state folder.',
      disk.available_bytes,
    ),
    gauge('fomular_memory_available_bytes', 'Available memory of the machine.', memory.available_bytes),
    ...(load ? [gauge('fomular_load_average', 'Load average of the last minute.', load.one_minute)] : []),
    policyRefusals(policy.refused),
    ...Object.values(observed.counted).map((each) => each.family()),
  ]
}

const sum = (agents: Agent[], of: (agent: Agent) => number) =>
  agents.reduce((total, agent) => total + of(agent), 0)

function memoryOf(agents: Agent[]): number {
  const pids = agents.flatMap((agent) => (agent.hasEnded ? [] : (agent.process?.agent.pid ?? [])))
  return pids.length === 0 ? 0 : [...memoryOfTrees(pids).values()].reduce((a, b) => a + b, 0)
}

/** Returns the next reset of a usage limit for each runtime. */
function limitResets(agents: Agent[], now: number): Family {
  const resets = new Map<string, number>()
  for (const agent of agents) {
    const at = agent.snapshot.limit ? Date.parse(resetOf(agent) ?? '') : Number.NaN
    const { runtime } = agent.record.spec
    if (at > now && RUNTIMES.includes(runtime)) resets.set(runtime, Math.min(at, resets.get(runtime) ?? at))
  }
  return {
    name: 'fomular_usage_limit_reset_timestamp_seconds',
    help: 'Time of the next reset of a usage limit that agents have reached.',
    type: 'gauge',
    samples: [...resets].map(([runtime, at]) => ({ labels: { runtime }, value: at / 1000 })),
  }
}

/** Counts refusals by key of the policy, without the parts of a key that a command chooses. */
function policyRefusals(refused: Readonly<Record<string, number>>): Family {
  const counter = new Counter('fomular_policy_refused', 'Orders that the policy of the machine refused.', {
    key: POLICY_KEYS,
  })
  for (const [key, count] of Object.entries(refused)) counter.add({ key: key.split('.')[0]! }, count)
  return counter.family()
}
