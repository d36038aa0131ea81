import { execFile } from 'node:child_process'
import type { Clock, Timer } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { visible } from '../platform/visible.ts'

/** Without a server for so long, the daemon counts as started all the same: a boot without a network is no failure. */
const PATIENCE_MS = 20_000
/** How often the condition is looked at: until it is known to be started, and then. */
const STARTING_MS = 200
const RUNNING_MS = 2000
/** For systemd-notify, which waits until systemd has taken note. */
const NOTIFY_MS = 10_000

/** Longest status in characters: systemd takes no long messages, and the system no long arguments. */
const STATUS_CHARS = 500

/** A server's words may be in it: with a line feed, these would be an order to systemd. */
const statusLine = (text: string) => `STATUS=${visible(text.slice(0, STATUS_CHARS))}`

/** How a daemon is, in one line. */
interface Condition {
  connected: boolean
  text: string
}

export interface NotifierOptions {
  env: NodeJS.ProcessEnv
  pid: number
  condition(): Condition
  clock: Clock
  logger: Logger
}

/**
 * Keeps systemd informed of a unit of Type=notify: that it has started, how it is, that it is alive (its watchdog
 * restarts one that is not), that it stops. Node has no datagram sockets of the unix kind, so systemd-notify speaks for
 * it: 6 to 10 ms of one processor each time.
 * @returns undefined where this process is not the main one of such a unit
 */
export function startNotifier(options: NotifierOptions): Notifier | undefined {
  const { NOTIFY_SOCKET, SYSTEMD_EXEC_PID } = options.env
  // Inherited from a unit that some process above this one is of, it is not for this one to use.
  if (!NOTIFY_SOCKET || (SYSTEMD_EXEC_PID && SYSTEMD_EXEC_PID !== String(options.pid))) return undefined
  return new Notifier(options, NOTIFY_SOCKET)
}

export class Notifier {
  readonly #options: NotifierOptions
  readonly #socket: string
  readonly #startedAt: number
  /** Ms between signs of life; none where nobody waits for them. */
  readonly #aliveMs: number
  #ready = false
  #text = ''
  #told = Number.NEGATIVE_INFINITY
  #timer: Timer | undefined
  #telling: Promise<void> = Promise.resolve()

  constructor(options: NotifierOptions, socket: string) {
    const { env, pid, clock } = options
    this.#options = options
    this.#socket = socket
    this.#startedAt = clock.monotonic()
    const watched = Number(env.WATCHDOG_USEC) > 0 && (env.WATCHDOG_PID ?? String(pid)) === String(pid)
    // One that is late must not count as a death.
    this.#aliveMs = watched ? Number(env.WATCHDOG_USEC) / 1000 / 3 : Number.POSITIVE_INFINITY
    this.#look()
  }

  /** Says that the daemon stops, and nothing after that. Resolves once it is said. */
  stopping(text: string): Promise<void> {
    this.close()
    return this.#tell(['STOPPING=1', statusLine(text)])
  }

  close() {
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #look() {
    const { clock, condition } = this.#options
    const now = clock.monotonic()
    const { connected, text } = condition()
    this.#ready ||= connected || now - this.#startedAt > PATIENCE_MS
    // Also the first time that it is ready.
    const due = this.#ready && now - this.#told >= this.#aliveMs
    if (text !== this.#text || due) {
      this.#text = text
      if (this.#ready) this.#told = now
      // Said every time: an old systemd loses what comes from a process that has ended when it looks.
      void this.#tell([...(this.#ready ? ['READY=1', 'WATCHDOG=1'] : []), statusLine(text)])
    }
    const again = this.#ready ? Math.min(RUNNING_MS, this.#aliveMs) : STARTING_MS
    this.#timer = clock.setTimeout(() => this.#look(), again)
  }

  /** One after the other, in order. */
  #tell(lines: string[]): Promise<void> {
    const { env, logger } = this.#options
    const tell = () =>
      new Promise<void>((resolve) => {
        const options = { env: { PATH: env.PATH, NOTIFY_SOCKET: this.#socket }, timeout: NOTIFY_MS }
        execFile('systemd-notify', lines, options, (error) => {
          if (error) logger.warn({ err: error }, 'systemd was not told how the daemon is')
          resolve()
        })
      })
    this.#telling = this.#telling.then(tell)
    return this.#telling
  }
}
