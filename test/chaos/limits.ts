// Needs: prlimit, python3
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** Takes and keeps every inotify instance that the user may have, and prints their number. */
const HOARDER = `
import ctypes, time
libc = ctypes.CDLL(None)
count = 0
while libc.inotify_init() >= 0:
    count += 1
print(count, flush=True)
time.sleep(3600)
`

/** A system limit in force. */
export type Limit = { lift(): void }

const softOf = (pid: number, name: string) =>
  new RegExp(`^${name} +(\\d+|unlimited)`, 'm').exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1]

/** A process to limit. */
export interface Subject {
  pid: number
  /** User that runs the process and may limit it; undefined for this process's own user. */
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
    // The process has just ended.
    return undefined
  }
}

/** Limits a process to `more` open files in addition to the files that it has open now. */
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

/** Prevents a process of an ordinary user from starting other processes. */
export const limitProcesses = (subject: Subject): Limit | undefined =>
  limited(subject, 'nproc', 'Max processes', 1)

/** Uses up a user's inotify instances. Resolves when no instance is left. */
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
