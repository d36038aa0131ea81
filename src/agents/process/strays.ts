import { sleep } from '../../platform/clock.ts'
import { membersOf } from '../../platform/control-groups.ts'
import { isAlive, type ProcessIdentity } from '../../platform/process-identity.ts'
import { type Listed, listProcesses, ownUid, seesAnother } from '../../platform/process-list.ts'
import { realPath } from '../../platform/real-path.ts'
import { endGroup } from './cgroup/end-group.ts'
import { AGENT_FOLDER, carries, RUN_MARK, readSigns, type Signs } from './marks.ts'
import { signal, terminate } from './terminate.ts'

/** Time between SIGTERM and SIGKILL, in ms. */
const GRACE_MS = 500
const STEP_MS = 25
/**
 * Maximum number of searches. Several searches are needed because processes may start other processes while
 * they are being ended.
 */
const ROUNDS = 5
/**
 * Delay before a search, in ms. A search takes milliseconds, so agents that end at the same time share a
 * search.
 */
const GATHER_MS = 50

/** Processes, by their agent's folder with links resolved. */
type ByFolder = Map<string, ProcessIdentity[]>

export interface AgentProcesses {
  /**
   * Processes that are proven to belong to the agent. They carry a secret that the agent's folder records,
   * are recorded there by pid and start time, or descend from such a process. All of these processes belong
   * to the agent's users.
   */
  proven: ByFolder
  /**
   * Processes that name an agent's folder without proof, because the folder was deleted or records another
   * secret.
   */
  unproven: ByFolder
}

/**
 * Finds the processes of all agents whose daemon runs as `user`. Does not find processes that have switched
 * to another user, or that have cleared their environment and lost their parent processes. A process in a
 * container belongs to another daemon, even if its folder has the same path.
 */
export function agentProcesses(user = ownUid()): AgentProcesses {
  const all = otherProcesses()
  const records = new Records(user)
  for (const listed of all.values()) records.read(listed)
  const owners = ownersOf(all, records)
  const found: AgentProcesses = { proven: byFolder(owners), unproven: new Map() }
  for (const listed of all.values()) {
    const named = owners.has(listed) || !records.users.has(listed.user) ? undefined : records.read(listed)
    if (named !== undefined && !seesAnother(listed.pid, named)) add(found.unproven, named, listed)
  }
  return found
}

/** Finds the processes of the given agents, whose daemon runs as `user`. */
function processesOfAgents(user: number, agents: Iterable<Signs>): ByFolder {
  return byFolder(ownersOf(otherProcesses(), new Records(user, agents)))
}

function otherProcesses(): Map<number, Listed> {
  const all = new Map(listProcesses(AGENT_FOLDER, RUN_MARK).map((each) => [each.pid, each]))
  // Leave out this daemon, because an agent may have started it.
  all.delete(process.pid)
  return all
}

/**
 * Returns the folders of known agents, by process. The processes are the agents' own processes and their
 * descendants.
 */
function ownersOf(all: Map<number, Listed>, records: Records): Map<Listed, string> {
  const owners = new Map<Listed, string>()
  const below = new Map<number, Listed[]>()
  for (const listed of all.values()) {
    const owner = records.ownerOf(listed)
    if (owner !== undefined) owners.set(listed, owner)
    for (const above of new Set([listed.parent, listed.leader])) put(below, above, listed)
  }
  // The loop also visits entries that are added while it runs.
  for (const [{ pid }, owner] of owners)
    for (const listed of below.get(pid) ?? []) {
      if (owners.has(listed)) continue
      // Read the descendant's own records, because an agent's program may have started another daemon with
      // other agents.
      records.read(listed)
      owners.set(listed, records.ownerOf(listed) ?? owner)
    }
  return owners
}

function byFolder(owners: Map<Listed, string>): ByFolder {
  const found: ByFolder = new Map()
  for (const [listed, dir] of owners) add(found, dir, listed)
  return found
}

const add = (to: ByFolder, dir: string, { pid, start, boot_id }: ProcessIdentity) =>
  put(to, dir, { pid, start, boot_id })

function put<K, V>(to: Map<K, V[]>, key: K, value: V) {
  const known = to.get(key)
  if (known) known.push(value)
  else to.set(key, [value])
}

/** Finds the agent of a process from the records in the agents' folders. */
class Records {
  readonly #user: number
  readonly #signs = new Map<string, Signs | undefined>()
  /** Agents' folders, by the keys of the processes that they record. */
  readonly #recorded = new Map<string, string>()
  /** Agents' folders, by the ids of the processes in their control groups. */
  readonly #members = new Map<number, string>()
  /** Resolved paths of agents' folders, by the paths in the processes' variables. */
  readonly #real = new Map<string, string>()
  /** Users of all known agents. */
  readonly users: Set<number>

  /** @param known facts about some agents, used instead of the records in their folders */
  constructor(user: number, known: Iterable<Signs> = []) {
    this.#user = user
    this.users = new Set([user])
    for (const signs of known) this.#learn(signs.dir, signs)
  }

  /**
   * Reads the records in the folder that a process's variable names, unless they were read before.
   * @returns the folder's path with links resolved
   */
  read({ variables: [folder] }: Listed): string | undefined {
    const dir = this.#realPath(folder)
    if (dir !== undefined && !this.#signs.has(dir)) this.#learn(dir, readSigns(dir, this.#user))
    return dir
  }

  /** Returns the folder of a process's agent, if the agent is known. */
  ownerOf(listed: Listed): string | undefined {
    const [folder, mark] = listed.variables
    const dir = this.#realPath(folder)
    const signs = dir === undefined ? undefined : this.#signs.get(dir)
    const owner =
      signs && carries(signs, mark)
        ? dir
        : (this.#recorded.get(keyOf(listed)) ?? this.#members.get(listed.pid))
    return owner !== undefined && this.belongs(listed, owner) ? owner : undefined
  }

  /** Reports whether a process runs as one of the users of the agent with this folder. */
  belongs({ user }: Listed, dir: string): boolean {
    return this.#signs.get(dir)?.users.includes(user) ?? false
  }

  #learn(dir: string, signs: Signs | undefined) {
    this.#signs.set(dir, signs)
    for (const user of signs?.users ?? []) this.users.add(user)
    for (const process of signs?.processes ?? []) this.#recorded.set(keyOf(process), dir)
    for (const pid of signs?.group ? membersOf(signs.group) : []) this.#members.set(pid, dir)
  }

  /** Resolves links, because earlier versions set the variable to a path that may contain links. */
  #realPath(path: string | undefined): string | undefined {
    if (!path?.startsWith('/')) return undefined
    const real = this.#real.get(path) ?? realPath(path)
    this.#real.set(path, real)
    return real
  }
}

const keyOf = ({ pid, start, boot_id }: ProcessIdentity) => `${pid} ${start} ${boot_id}`

interface Look {
  agents: Map<string, Signs>
  found: Promise<ByFolder>
}

/** The next search of each user's processes, by user. */
const looks = new Map<number, Look>()
let pauseMs = GATHER_MS

/** Returns the processes of an agent after a short delay. All calls during the delay share one search. */
async function processesSoon(signs: Signs): Promise<ProcessIdentity[]> {
  const { user, dir } = signs
  const look = looks.get(user) ?? { agents: new Map(), found: sleep(pauseMs).then(() => take(user)) }
  looks.set(user, look)
  look.agents.set(dir, signs)
  return (await look.found).get(dir) ?? []
}

function take(user: number): ByFolder {
  const { agents } = looks.get(user)!
  looks.delete(user)
  const start = performance.now()
  const found = processesOfAgents(user, agents.values())
  pauseMs = Math.max(GATHER_MS, 2 * (performance.now() - start))
  return found
}

/** Returns the processes of one agent. */
export const processesOf = (signs: Signs): ProcessIdentity[] =>
  processesOfAgents(signs.user, [signs]).get(signs.dir) ?? []

export interface EndOptions {
  /** Pids of processes that get no SIGTERM because they are about to end by themselves. */
  spared?: number[]
  /** Users whose processes are ended. Processes that have switched to another user are left alone. */
  users?: readonly number[]
}

/** Ends processes with SIGTERM. After `GRACE_MS`, ends the remaining processes with SIGKILL. */
export async function endProcesses(
  processes: ProcessIdentity[],
  { spared = [], users }: EndOptions = {},
): Promise<void> {
  for (const process of processes) if (!spared.includes(process.pid)) terminate(process, users)
  for (let waited = 0; waited < GRACE_MS && processes.some(isAlive); waited += STEP_MS) await sleep(STEP_MS)
  for (const process of processes) signal(process, 'SIGKILL', users)
}

/** Ends every process of an agent. @returns the number of processes, not counting the spared processes */
export async function endStrays(signs: Signs, spared: number[] = []): Promise<number> {
  let count = 0
  for (let round = 0; round < ROUNDS; round++) {
    const found = await processesSoon(signs)
    if (found.length === 0) break
    count += found.filter(({ pid }) => !spared.includes(pid)).length
    await endProcesses(found, { spared, users: signs.users })
  }
  return count + (signs.group === undefined ? 0 : await endGroup(signs.group))
}
