// Needs: root, unshare, nsenter
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { RUN, type Running } from './stage.ts'
import { until } from './wait.ts'

/**
 * Command that runs another command as process 1 of a process namespace. All processes of the namespace end
 * with process 1.
 */
export const AS_CONTAINER = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']

/**
 * Returns the command that runs this program within a container, like `docker exec`. The command also changes
 * the root, because a test may run in a chroot, and entering only the mount namespace would leave the chroot.
 * @param init process 1 of the container
 */
export const inside = (init: number) => ['nsenter', `--target=${init}`, '--pid', '--mount', '--root', ...RUN]

/** Returns process 1 of a container, by its process id outside the container. */
export const initOf = ({ pid }: Running): Promise<number> => childOf(pid)

/** Waits until a process has a child, and returns the child's process id. */
export async function childOf(pid: number): Promise<number> {
  const children = () => read(`/proc/${pid}/task/${pid}/children`).trim()
  return Number.parseInt(await until(children, { what: `a child of ${pid}` }), 10)
}

/** Returns the process that has id 1 in its own namespace. */
export const firstIn = (processes: { pid: number }[]): number | undefined =>
  processes.find(({ pid }) => /^NSpid:.*\t1$/m.test(read(`/proc/${pid}/status`)))?.pid

/** Time between Docker's first signal and SIGKILL, in milliseconds. */
const DOCKER_STOP_MS = 10_000

/**
 * Ends a container like `docker stop`.
 * @param told process that gets the signals, usually the container's process 1
 */
export async function dockerStop(running: Running, told: number): Promise<number | string> {
  process.kill(told, 'SIGTERM')
  const killed = setTimeout(() => process.kill(told, 'SIGKILL'), DOCKER_STOP_MS)
  try {
    return await running.ended
  } finally {
    clearTimeout(killed)
  }
}

/** Returns the zombies of a container. @param init process 1 of the container */
export function zombies(init: number): number[] {
  const namespace = namespaceOf(String(init))
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && namespaceOf(name) === namespace)
    .filter((pid) => /^State:\tZ/m.test(read(`/proc/${pid}/status`)))
    .map(Number)
}

/** Returns the namespace of a process, or undefined if the process has ended. */
function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`)
  } catch {
    return undefined
  }
}

/** Returns a file's content; empty if the process has ended. */
export function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
