import type { AgentSpec } from '../../../protocol/index.ts'

const MIB = 1024 * 1024

/**
 * Limits of an agent's resources. Each limit has the name of the file that sets the limit in a control group.
 */
export const LIMITS = {
  memory_max_mb: { controller: 'memory', file: 'memory.max', unit: MIB },
  memory_high_mb: { controller: 'memory', file: 'memory.high', unit: MIB },
  cpu_weight: { controller: 'cpu', file: 'cpu.weight', unit: 1 },
  tasks_max: { controller: 'pids', file: 'pids.max', unit: 1 },
} as const
type LimitName = keyof typeof LIMITS

/** Values of limits, by name. */
export type ResourceLimits = { [name in LimitName]?: number | undefined }

export interface Limit {
  name: LimitName
  value: number
  /** The source of the limit: the policy or the specification. */
  by: 'policy' | 'spec'
}

/**
 * Returns the limits of a run, from the policy and the specification. If both limit the same resource, the
 * smaller value applies.
 */
export function limitsOf(policy: ResourceLimits, spec: AgentSpec): Limit[] {
  return (Object.keys(LIMITS) as LimitName[]).flatMap((name): Limit[] => {
    const [demanded, asked] = [policy[name], spec.limits?.[name]]
    const values = [demanded, asked].filter((value) => value !== undefined)
    if (values.length === 0) return []
    return [{ name, value: Math.min(...values), by: demanded === undefined ? 'spec' : 'policy' }]
  })
}
