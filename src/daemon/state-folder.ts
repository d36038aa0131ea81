import { accessSync, constants, existsSync } from 'node:fs'
import type { Agent } from '../agents/agent.ts'
import { abandon, isKept } from '../agents/process/abandon.ts'
import type { StatePaths } from '../config/paths.ts'
import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { ensurePrivateDir } from '../platform/files.ts'
import { folderIdentity, goneFolder } from '../platform/folder-identity.ts'
import { nameOf, otherHolder } from '../platform/lock.ts'
import type { Holder } from '../platform/lock-holder.ts'
import type { Logger } from '../platform/log.ts'
import type { Health } from './health.ts'
import type { Machine } from './machine.ts'

/** Interval between checks of the state folder, in ms. */
const LOOK_MS = 2000

export interface StateFolderOptions {
  paths: StatePaths
  agents: Iterable<Agent>
  health: Health
  machine: Pick<Machine, 'keep'>
  /** Time for an agent to end after SIGTERM, in seconds. */
  graceS: number
  logger: Logger
}

/**
 * Watches the state folder of a running daemon: other programs may delete, move, replace, or unmount the
 * folder, or make it read-only.
 */
export class StateFolder {
  readonly #options: StateFolderOptions
  #first: string | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: StateFolderOptions) {
    this.#options = options
  }

  /**
   * @param relock called to take the lock again if its file was deleted
   * @param lost called when the folder no longer belongs to this daemon
   */
  watch(relock: () => void, lost: (reason: UserError) => void) {
    this.#first = folderIdentity(this.#options.paths.dir)
    this.#timer = setInterval(() => {
      const reason = this.#look(relock)
      if (!reason) return
      this.leave()
      lost(reason)
    }, LOOK_MS).unref()
  }

  leave() {
    clearInterval(this.#timer)
  }

  /**
   * Returns the reason why the folder no longer belongs to this daemon; undefined if the folder still belongs
   * to it.
   */
  lost(): UserError | undefined {
    const { dir } = this.#options.paths
    const lost = goneFolder(`the state folder ${dir}`, dir, this.#first)
    return lost === undefined ? undefined : gone(dir, lost)
  }

  /**
   * Ends running agents after the state folder was deleted. Does not end agents whose leases let them run
   * without a daemon.
   */
  async abandon(): Promise<void> {
    const { agents, graceS, logger } = this.#options
    const running = [...agents].filter(({ hasEnded }) => !hasEnded)
    for (const agent of running.filter(isKept))
      logger.warn(
        { agent_id: agent.id, pid: agent.process?.agent.pid },
        'agent left running, as its lease requires; `fomular-daemon doctor` shows how to end it',
      )
    const ended = running.filter((agent) => !isKept(agent))
    if (ended.length > 0)
      logger.warn(
        { agents: ended.map(({ id }) => id) },
        'ending the agents, because their folders no longer exist',
      )
    await Promise.all(ended.map((agent) => abandon(agent, graceS)))
  }

  #look(relock: () => void): UserError | undefined {
    const { paths, machine: identity } = this.#options
    const { dir, lock, machine, agents } = paths
    const lost = this.lost()
    if (lost) return lost
    if (!this.#isWritable(dir)) return undefined
    if (!existsSync(lock) && !existsSync(machine))
      return gone(dir, `The state folder ${dir} was emptied while the daemon was running.`)
    try {
      const holder = otherHolder(lock)
      if (holder) return taken(dir, holder)
      if (!existsSync(lock)) relock()
      identity.keep()
      ensurePrivateDir(agents)
    } catch {
      // The disk has problems, which other operations report. The next check retries.
    }
    return undefined
  }

  #isWritable(dir: string): boolean {
    const { health } = this.#options
    try {
      accessSync(dir, constants.W_OK)
      health.clear('state_read_only')
      return true
    } catch {
      health.report('state_read_only', {
        severity: 'error',
        message: `The state folder ${dir} cannot be written to: its disk is read-only, or its permissions were changed.`,
        remedy: `Make it writable again: mount -o remount,rw on its disk, or chmod u+rwx ${dir}. Agents keep running, but their output may be lost until then.`,
      })
      return false
    }
  }
}

const gone = (dir: string, message: string) =>
  new UserError('state_gone', `${message} The daemon cannot continue without it.`, {
    remedy: `Restore it at ${dir} and start the daemon. With an empty folder, the daemon would be a new machine to the server.`,
    exitCode: EXIT.usage,
  })

const taken = (dir: string, holder: Holder) =>
  new UserError(
    'already_running',
    `Another daemon has taken over the state folder ${dir}: ${nameOf(holder)}.`,
    {
      remedy: 'Give each daemon its own state folder (FOMULAR_STATE_DIR).',
      exitCode: EXIT.refused,
    },
  )
