// Needs: prlimit, python3
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** Takes every inotify instance that its user may have, tells how many, and keeps them. */
const HOARDER = `
import ctypes, time
libc = ctypes.CDLL(None)
count = 0
while libc.inotify_init() >= 0:
    count += 1
print(count, flush=True)
time.sleep(3600)
`

/** A limit of the system that is in force for a while. */
export type Limit = { lift(): void }

const softOf = (pid: number, name: string) =>
  new RegExp(`^${name} +(\\d+|unlimited)`, 'm').exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1]

/** Somebody who is limited. */
export interface Subject {
  pid: number
  /** Its user, who may do this; undefined for this process's own. */
  uid: number | undefined
}

function limited(
  { pid, uid }: Subject,
  resource: 'nofile' | 'nproc',
  name: string,
  soft: number,
): Limit | undefined {
  const set = (value: string) =>
    execFileSync('prlimit', [`--pid=${pid}`, `--${resource}=${value}:`], {
      stdio: 'ignore',
      ...(uid !== undefined && { uid, gid: uid }),
    })
  try {
    const before = softOf(pid, name)
    if (before === undefined) return undefined
    set(String(soft))
    return {
      lift() {
        try {
          set(before)
        } catch {
          // The process has ended.
        }
      },
    }
  } catch {
    // It has ended just now.
    return undefined
  }
}

/** A process can open only so many more files. */
export function limitDescriptors(subject: Subject, more: number): Limit | undefined {
  const open = new Set<number>()
  try {
    for (const name of readdirSync(`/proc/${subject.pid}/fd`)) open.add(Number(name))
  } catch {
    return undefined
  }
  let most = 0
  for (let free = -1; free < more; most++) if (!open.has(most)) free++
  return limited(subject, 'nofile', 'Max open files', most - 1)
}

/** A process of an ordinary user can start none. */
export const limitProcesses = (subject: Subject): Limit | undefined =>
  limited(subject, 'nproc', 'Max processes', 1)

/** Nothing can be watched any more by a user. Resolves when that is so. */
export async function useUpWatches(uid: number, env: Record<string, string>): Promise<Limit | undefined> {
  const child: ChildProcess = spawn('python3', ['-c', HOARDER], {
    uid,
    gid: uid,
    env: { ...env, PATH: process.env.PATH ?? '' },
    cwd: '/',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const lift = () => void child.kill('SIGKILL')
  const works = await new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(false))
    child.once('exit', () => resolve(false))
    child.stdout!.once('data', () => resolve(true))
  })
  if (works) return { lift }
  lift()
  return undefined
}
