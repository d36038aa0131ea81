import { ancestors, hasLostItsSession, interpreterOf, nameOf } from '../../platform/ancestors.ts'
import { KEEPER } from '../../service/plan.ts'

/** Set where nobody reaps what agents leave behind. */
export const UNREAPED = 'FOMULAR_DAEMON_UNREAPED'

const UNREAPED_REMEDY =
  'Have the container started with an init (docker run --init, tini), with Node 22.15 or newer, or with Perl in its image.'

/** What is wrong where nobody reaps what agents leave behind, and what to do about it. */
export const unreaped = (env: NodeJS.ProcessEnv) =>
  env[UNREAPED] === '1'
    ? {
        message:
          'Processes that agents leave behind are not cleared away when they end: process 1 does not reap them.',
        remedy: UNREAPED_REMEDY,
      }
    : undefined

/**
 * Programs that end when what they have started ends, or that stay with it, and that start nothing again. Where all that
 * is above the daemon, up to a container's first process, is of these, the container ends with the daemon.
 */
const PASSES_ON =
  /^(sh|dash|ash|bash|busybox|tini|tini-static|docker-init|podman-init|dumb-init|catatonit|su|sudo|runuser|gosu|su-exec|timeout|(npm|npx)( .*)?)$/

/** Process 1 that reaps only what it has started itself. */
const NO_REAPER = /^(npm|npx)( |$)/

/** Whether process 1 reaps what agents leave behind. */
export const reapsOrphans = () => !NO_REAPER.test(nameOf(1))

/** First process of a pod whose containers share one namespace of processes. */
const PAUSE = /^(pause|catatonit)$/

/** Whether a container ends when this process ends, which no supervisor in it starts again. */
export function endsContainer(pid: number = process.pid): boolean {
  if (process.platform !== 'linux') return false
  if (pid === 1) return true
  // Process 1 has only inherited it.
  if (hasLostItsSession(pid)) return false
  const above = ancestors(pid)
  if (!above.every(({ pid, name }) => PASSES_ON.test(name) || PASSES_ON.test(interpreterOf(pid))))
    return false
  // Without an ancestor in this namespace it was started from outside: as a container's own, or by `docker exec`.
  return above.at(-1)?.pid === 1 || PAUSE.test(nameOf(1))
}

/** Whether `keep.sh` keeps this process running. */
export const isKept = (env: NodeJS.ProcessEnv, parent: number | undefined = process.ppid) =>
  env[KEEPER] !== undefined && env[KEEPER] === String(parent)
