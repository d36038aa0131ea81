import { existsSync } from 'node:fs'
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

/**
 * Maximum number of searches for the group of a run. Each search reads several files, and an agent enters its group
 * before it is ready.
 */
const SEARCHES = 3

/** Groups of running agents that report on memory. */
const groups = new WeakMap<object, { run: number; group?: string | undefined; searches: number }>()

/** Checks whether the kernel has ended processes of a running agent, and sends the agent's status if so. */
export function checkMemory(agent: Grouped) {
  const group = agent.hasEnded ? undefined : knownGroup(agent)
  const detail = group && lackIn(group)
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

function knownGroup(agent: Grouped): string | undefined {
  // A queued agent has no processes and no group.
  if (!agent.process) return undefined
  const { run } = agent.run
  const known = groups.get(agent)
  if (known?.run === run && (known.group !== undefined || known.searches === SEARCHES)) return known.group
  const found = groupOf(agent)
  const group = found && existsSync(join(found, 'memory.events')) ? found : undefined
  groups.set(agent, { run, group, searches: known?.run === run ? known.searches + 1 : 1 })
  return group
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
