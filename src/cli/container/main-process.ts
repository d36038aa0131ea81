import { ancestors, hasLostItsSession, interpreterOf, nameOf } from '../../platform/ancestors.ts'
import { KEEPER } from '../../service/plan.ts'

/** Variable that is set to `1` if no process reaps orphans of agents. */
export const UNREAPED = 'FOMULAR_DAEMON_UNREAPED'

const UNREAPED_REMEDY =
  'Start the container with an init (docker run --init, tini), or use an image with Node 22.15 or newer, or with Perl.'

/** Returns the problem and its remedy, if no process reaps orphans of agents. */
export const unreaped = (env: NodeJS.ProcessEnv) =>
  env[UNREAPED] === '1'
    ? {
        message:
          'Orphaned processes of agents remain as zombies when they end: process 1 does not reap them.',
        remedy: UNREAPED_REMEDY,
      }
    : undefined

/**
 * Programs that never restart their child: they replace themselves with the child, or end when it ends. If
 * all ancestors of the daemon, including the container's first process, are such programs, the container ends
 * with the daemon.
 */
const PASSES_ON =
  /^(sh|dash|ash|bash|busybox|tini|tini-static|docker-init|podman-init|dumb-init|catatonit|su|sudo|runuser|gosu|su-exec|timeout|(npm|npx)( .*)?)$/

/** Programs that reap only their own children, even as process 1. */
const NO_REAPER = /^(npm|npx)( |$)/

/** Reports whether process 1 reaps orphans of agents. */
export const reapsOrphans = () => !NO_REAPER.test(nameOf(1))

/** First process of a pod whose containers share one PID namespace. */
const PAUSE = /^(pause|catatonit)$/

/** Reports whether a container ends with this process, because no supervisor in it restarts the process. */
export function endsContainer(pid: number = process.pid): boolean {
  if (process.platform !== 'linux') return false
  if (pid === 1) return true
  // Process 1 adopted this process as an orphan.
  if (hasLostItsSession(pid)) return false
  const above = ancestors(pid)
  if (!above.every(({ pid, name }) => PASSES_ON.test(name) || PASSES_ON.test(interpreterOf(pid))))
    return false
  // A process without an ancestor in this namespace is the container's first process, or was started by
  // `docker exec`.
  return above.at(-1)?.pid === 1 || PAUSE.test(nameOf(1))
}

/** Reports whether `keep.sh` keeps this process running. */
export const isKept = (env: NodeJS.ProcessEnv, parent: number | undefined = process.ppid) =>
  env[KEEPER] !== undefined && env[KEEPER] === String(parent)
