import { sleep } from '../platform/clock.ts'
import { isAlive, type ProcessIdentity } from '../platform/process-identity.ts'
import { type Listed, listProcesses, ownUid, seesAnother } from '../platform/process-list.ts'
import { realPath } from '../platform/real-path.ts'
import { AGENT_FOLDER, carries, RUN_MARK, readSigns, type Signs } from './marks.ts'
import { signal, terminate } from './terminate.ts'

/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 500
const STEP_MS = 25
/** How often it is looked for what was started while the rest was being ended. */
const ROUNDS = 5
/** Looking through all processes takes milliseconds: many agents that end at once share one look. */
const GATHER_MS = 50

/** Processes by the folder of their agent, with links resolved. */
type ByFolder = Map<string, ProcessIdentity[]>

export interface AgentProcesses {
  /**
   * Processes that are proven to be the agent's: they carry a secret that its folder records, are recorded there by pid
   * and start, or descend from such a process. All are of one user.
   */
  proven: ByFolder
  /** Processes that name a folder of an agent and prove nothing: it is gone, or records another secret. */
  unproven: ByFolder
}

/**
 * Finds the processes of all agents of a user. A process that has dropped its environment and lost its parents is not
 * found, nor is one that has become another user's. A process in a container belongs to another daemon, even if its
 * folder has the same path.
 */
export function agentProcesses(user = ownUid()): AgentProcesses {
  const all = processesOfUser(user)
  const records = new Records(user)
  for (const listed of all.values()) records.read(listed)
  const owners = ownersOf(all, records)
  const found: AgentProcesses = { proven: byFolder(owners), unproven: new Map() }
  for (const listed of all.values()) {
    const named = owners.has(listed) ? undefined : records.read(listed)
    if (named !== undefined && !seesAnother(listed.pid, named)) add(found.unproven, named, listed)
  }
  return found
}

/** Finds the processes of some agents of a user, like `agentProcesses`. */
function processesOfAgents(user: number, agents: Iterable<Signs>): ByFolder {
  return byFolder(ownersOf(processesOfUser(user), new Records(user, agents)))
}

function processesOfUser(user: number): Map<number, Listed> {
  const processes = listProcesses(AGENT_FOLDER, RUN_MARK).filter((listed) => listed.user === user)
  const all = new Map(processes.map((each) => [each.pid, each]))
  // An agent may have started this very daemon.
  all.delete(process.pid)
  return all
}

/** Returns the folders of those agents whose records were read, by their processes, and by what descends from these. */
function ownersOf(all: Map<number, Listed>, records: Records): Map<Listed, string> {
  const owners = new Map<Listed, string>()
  const below = new Map<number, Listed[]>()
  for (const listed of all.values()) {
    const owner = records.ownerOf(listed)
    if (owner !== undefined) owners.set(listed, owner)
    for (const above of new Set([listed.parent, listed.leader])) put(below, above, listed)
  }
  // A map is walked to the end of what is put into it meanwhile.
  for (const [{ pid }, owner] of owners)
    for (const listed of below.get(pid) ?? []) {
      if (owners.has(listed)) continue
      // An agent's program may have started a daemon with agents of its own.
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

/** Tells whose a process is by what the folders of agents record. */
class Records {
  readonly #user: number
  readonly #signs = new Map<string, Signs | undefined>()
  /** Folders by the processes that they record. */
  readonly #recorded = new Map<string, string>()
  /** Folders as processes name them, without links. */
  readonly #real = new Map<string, string>()

  /** @param known count instead of what the folders of these agents record */
  constructor(user: number, known: Iterable<Signs> = []) {
    this.#user = user
    for (const signs of known) this.#learn(signs.dir, signs)
  }

  /** Reads the folder that a process names, once. @returns its path without links */
  read({ variables: [folder] }: Listed): string | undefined {
    const dir = this.#realPath(folder)
    if (dir !== undefined && !this.#signs.has(dir)) this.#learn(dir, readSigns(dir, this.#user))
    return dir
  }

  /** Returns the folder of a process's agent, if it is one of those that were read. */
  ownerOf({ variables: [folder, mark], ...listed }: Listed): string | undefined {
    const dir = this.#realPath(folder)
    const signs = dir === undefined ? undefined : this.#signs.get(dir)
    return signs && carries(signs, mark) ? dir : this.#recorded.get(keyOf(listed))
  }

  #learn(dir: string, signs: Signs | undefined) {
    this.#signs.set(dir, signs)
    for (const process of signs?.processes ?? []) this.#recorded.set(keyOf(process), dir)
  }

  /** Earlier versions had agents name their folder as it was given, which may contain links. */
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

/** The look at each user's processes that is about to be taken. */
const looks = new Map<number, Look>()
let pauseMs = GATHER_MS

/** Returns the processes of an agent a little later, with one look for all agents that are asked about meanwhile. */
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
  /** Are about to end by themselves, and get no SIGTERM. */
  spared?: number[]
  /** Processes that are not this user's, or no longer, are left alone. */
  user?: number
}

/** Ends processes: SIGTERM, and SIGKILL to those that are still there a moment later. */
export async function endProcesses(
  processes: ProcessIdentity[],
  { spared = [], user }: EndOptions = {},
): Promise<void> {
  for (const process of processes) if (!spared.includes(process.pid)) terminate(process, user)
  for (let waited = 0; waited < GRACE_MS && processes.some(isAlive); waited += STEP_MS) await sleep(STEP_MS)
  for (const process of processes) signal(process, 'SIGKILL', user)
}

/** Ends every process of an agent. @returns how many there were, without the spared ones */
export async function endStrays(signs: Signs, spared: number[] = []): Promise<number> {
  let count = 0
  for (let round = 0; round < ROUNDS; round++) {
    const found = await processesSoon(signs)
    if (found.length === 0) return count
    count += found.filter(({ pid }) => !spared.includes(pid)).length
    await endProcesses(found, { spared, user: signs.user })
  }
  return count
}
