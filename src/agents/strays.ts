import { sleep } from '../platform/clock.ts'
import { isAlive, type ProcessIdentity, sendSignal } from '../platform/process-identity.ts'
import { type Listed, listProcesses, seesAnother } from '../platform/process-list.ts'
import { realPath } from '../platform/real-path.ts'
import { terminate } from './terminate.ts'

/** Variable in the environment of every process of an agent: the agent's folder, with links resolved. */
export const AGENT_MARK = 'FOMULAR_AGENT'

/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 500
const STEP_MS = 25
/** How often it is looked for what was started while the rest was being ended. */
const ROUNDS = 5
/** Looking through all processes takes milliseconds: many agents that end at once share one look. */
const GATHER_MS = 50

/**
 * Returns the processes of all agents by the agent's folder, with links resolved: processes that carry its mark, those in
 * a session with such a process, since that session began within the agent, and the descendants of either. A process that
 * has dropped its environment, its session and its parents is not found. A process in a container belongs to another
 * daemon, even if its folder has the same path.
 */
export function agentProcesses(): Map<string, ProcessIdentity[]> {
  const processes = listProcesses(AGENT_MARK)
  // Earlier versions marked agents with the path as given, which may contain links.
  const real = new Map(
    [...new Set(processes.map(({ value }) => value))].map((value) => [value, withoutLinks(value)]),
  )
  const all = new Map(processes.map((each) => [each.pid, each]))
  // An agent may have started this very daemon.
  all.delete(process.pid)
  const elsewhere = new Set<number>()
  for (const { pid, value } of all.values())
    if (value !== undefined && seesAnother(pid, value)) elsewhere.add(pid)
  const livesElsewhere = (listed: Listed | undefined, depth = 0): boolean =>
    listed !== undefined &&
    depth <= all.size &&
    (elsewhere.has(listed.pid) || livesElsewhere(all.get(listed.parent), depth + 1))
  if (elsewhere.size > 0)
    for (const listed of [...all.values()]) if (livesElsewhere(listed)) elsewhere.add(listed.pid)
  for (const pid of elsewhere) all.delete(pid)
  const groups = new Map<number, string>()
  for (const { group, value } of all.values())
    if (value !== undefined && group > 1) groups.set(group, real.get(value) ?? value)
  const ownerOf = (listed: Listed | undefined, depth = 0): string | undefined => {
    if (!listed || depth > all.size) return undefined
    return real.get(listed.value) ?? groups.get(listed.group) ?? ownerOf(all.get(listed.parent), depth + 1)
  }
  const found = new Map<string, ProcessIdentity[]>()
  for (const listed of all.values()) {
    const owner = ownerOf(listed)
    if (owner === undefined) continue
    const { pid, start, boot_id } = listed
    const known = found.get(owner)
    if (known) known.push({ pid, start, boot_id })
    else found.set(owner, [{ pid, start, boot_id }])
  }
  return found
}

const withoutLinks = (path: string | undefined) => (path?.startsWith('/') ? realPath(path) : path)

let gathering: Promise<Map<string, ProcessIdentity[]>> | undefined
let pauseMs = GATHER_MS

/** As `agentProcesses`, a little later, for all who ask meanwhile. */
function agentProcessesSoon(): Promise<Map<string, ProcessIdentity[]>> {
  gathering ??= sleep(pauseMs).then(() => {
    gathering = undefined
    const start = performance.now()
    const found = agentProcesses()
    pauseMs = Math.max(GATHER_MS, 2 * (performance.now() - start))
    return found
  })
  return gathering
}

/**
 * Ends processes: SIGTERM, and SIGKILL to those that are still there a moment later.
 * @param spared are about to end by themselves, and get no SIGTERM
 */
export async function endProcesses(processes: ProcessIdentity[], spared: number[] = []): Promise<void> {
  for (const process of processes) if (!spared.includes(process.pid)) terminate(process)
  for (let waited = 0; waited < GRACE_MS && processes.some(isAlive); waited += STEP_MS) await sleep(STEP_MS)
  for (const process of processes) sendSignal(process, 'SIGKILL')
}

/** Ends every process of the agent in `dir`, a path without links. @returns how many there were, without the spared ones */
export async function endStrays(dir: string, spared: number[] = []): Promise<number> {
  let count = 0
  for (let round = 0; round < ROUNDS; round++) {
    const found = (await agentProcessesSoon()).get(dir)
    if (!found) return count
    count += found.filter(({ pid }) => !spared.includes(pid)).length
    await endProcesses(found, spared)
  }
  return count
}
