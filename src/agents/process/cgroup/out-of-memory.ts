import { join } from 'node:path'
import { groupNumber } from '../../../platform/control-groups.ts'
import type { AgentProblem } from '../../../protocol/index.ts'
import type { AgentFolder } from '../../disk/folder.ts'
import type { ProcessRecord, RunRecord } from '../../disk/records.ts'
import { groupOf } from './run-group.ts'

const MIB = 1024 * 1024

interface Grouped {
  hasEnded: boolean
  folder: AgentFolder
  run: RunRecord
  process: ProcessRecord | undefined
  touch(): void
}

/** Explanations of why the kernel has ended processes of running agents. */
const known = new WeakMap<object, string>()

/** Checks whether the kernel has ended processes of a running agent, and sends the agent's status if so. */
export function checkMemory(agent: Grouped) {
  const detail = agent.hasEnded ? undefined : lackOf(agent)
  if (detail === known.get(agent)) return
  if (detail === undefined) known.delete(agent)
  else known.set(agent, detail)
  agent.touch()
}

/** Returns the problem for an agent's status, if the kernel was found to have ended processes of the agent. */
export function memoryProblem(agent: object): AgentProblem[] {
  const detail = known.get(agent)
  return detail === undefined ? [] : [{ kind: 'memory', name: 'memory', status: 'exceeded', detail }]
}

/** Returns why the kernel has ended processes of an agent's current run, as a sentence; undefined if it has ended none. */
export function lackOf(agent: Pick<Grouped, 'folder' | 'run' | 'process'>): string | undefined {
  const group = groupOf(agent)
  return group && lackIn(group)
}

/** Returns why the kernel has ended processes of a group, even if the group is now empty. */
export function lackIn(group: string): string | undefined {
  const events = join(group, 'memory.events')
  const count = groupNumber(events, 'oom_kill') ?? 0
  if (count === 0) return undefined
  const [limit, peak] = ['memory.max', 'memory.peak'].map((name) => groupNumber(join(group, name)))
  const isOwn = limit !== undefined && (groupNumber(events, 'oom') ?? 0) > 0
  const why = isOwn
    ? `the agent with its programs reached its limit of ${mib(limit)}`
    : 'the machine, or the service of the daemon, ran out of memory'
  const most = peak === undefined ? '' : ` Together, they had used up to ${mib(peak)}.`
  return `The kernel ended ${count === 1 ? 'a process' : `${count} processes`} of the agent because ${why}.${most}`
}

const mib = (bytes: number) => `${Math.round(bytes / MIB)} MiB`
