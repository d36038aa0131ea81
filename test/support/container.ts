// Needs: root, unshare, nsenter
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { RUN, type Running } from './stage.ts'
import { until } from './wait.ts'

/** Runs what follows as process 1 of a namespace of processes, all of which end with it. */
export const AS_CONTAINER = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']

/**
 * Runs this program within a container, as `docker exec` does. Entering a namespace of mounts alone would lead out of the
 * chroot that this may run in.
 * @param init its process 1
 */
export const inside = (init: number) => ['nsenter', `--target=${init}`, '--pid', '--mount', '--root', ...RUN]

/** Process 1 of what was run so, by the id that it has outside. */
export const initOf = ({ pid }: Running): Promise<number> => childOf(pid)

/** The first process that another one has started, once it has. */
export async function childOf(pid: number): Promise<number> {
  const children = () => read(`/proc/${pid}/task/${pid}/children`).trim()
  return Number.parseInt(await until(children, { what: `a child of ${pid}` }), 10)
}

/** Of processes, the one that is number 1 in a namespace of its own. */
export const firstIn = (processes: { pid: number }[]): number | undefined =>
  processes.find(({ pid }) => /^NSpid:.*\t1$/m.test(read(`/proc/${pid}/status`)))?.pid

/** Time that Docker leaves a container between its first signal and SIGKILL. */
const DOCKER_STOP_MS = 10_000

/** Ends a container as `docker stop` does it. @param told the process that gets the signals: its process 1 */
export async function dockerStop(running: Running, told: number): Promise<number | string> {
  process.kill(told, 'SIGTERM')
  const killed = setTimeout(() => process.kill(told, 'SIGKILL'), DOCKER_STOP_MS)
  try {
    return await running.ended
  } finally {
    clearTimeout(killed)
  }
}

/** Processes of a container that have ended and that nobody has reaped. @param init its process 1 */
export function zombies(init: number): number[] {
  const namespace = namespaceOf(String(init))
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && namespaceOf(name) === namespace)
    .filter((pid) => /^State:\tZ/m.test(read(`/proc/${pid}/status`)))
    .map(Number)
}

/** Undefined for a process that is gone. */
function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`)
  } catch {
    return undefined
  }
}

/** Empty of a process that is gone. */
export function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
