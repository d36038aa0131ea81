import { readdirSync, readFileSync } from 'node:fs'

interface Seen {
  parent: number
  leader: number
}

/**
 * Returns the resident memory, in bytes, of each process together with its descendants and the members of
 * their sessions. Memory that several of these processes share counts several times. Empty on systems without
 * /proc.
 * @param roots pids of the processes
 */
export function memoryOfTrees(roots: readonly number[], proc = '/proc'): Map<number, number> {
  const below = new Map<number, number[]>()
  for (const [pid, { parent, leader }] of processes(proc))
    for (const above of new Set([parent, leader])) if (above !== pid) put(below, above, pid)
  return new Map(roots.map((root) => [root, sum(withAllBelow(root, below), proc)]))
}

function processes(proc: string): Map<number, Seen> {
  const all = new Map<number, Seen>()
  for (const name of names(proc)) {
    const stat = read(`${proc}/${name}/stat`)
    // Skip the program's name, which may contain blanks and parentheses.
    const [, parent, , leader] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
    if (leader !== undefined) all.set(Number(name), { parent: Number(parent), leader: Number(leader) })
  }
  return all
}

function withAllBelow(root: number, below: Map<number, number[]>): Set<number> {
  const members = new Set([root])
  // The loop also visits members that the loop itself adds.
  for (const member of members) for (const pid of below.get(member) ?? []) members.add(pid)
  return members
}

const sum = (pids: Iterable<number>, proc: string) =>
  [...pids].reduce((bytes, pid) => bytes + residentBytes(read(`${proc}/${pid}/status`) ?? ''), 0)

const residentBytes = (status: string) => Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024

function names(proc: string): string[] {
  try {
    return readdirSync(proc).filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
}

/** Returns the content of a file in /proc; undefined if the process is gone. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}

function put(to: Map<number, number[]>, key: number, value: number) {
  const known = to.get(key)
  if (known) known.push(value)
  else to.set(key, [value])
}
