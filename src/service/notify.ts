import { execFile } from 'node:child_process'
import { capabilitiesIn } from '../platform/capabilities.ts'
import type { Clock, Timer } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { trustedPath } from '../platform/trusted-path.ts'
import { visible } from '../platform/visible-text.ts'

/**
 * Maximum wait for the first connection, in ms. After this time, the daemon counts as started even without a
 * connection, because booting offline is not a failure.
 */
const PATIENCE_MS = 20_000
/** Interval between checks of the condition until the daemon has started, in ms. */
const STARTING_MS = 200
/** Interval between checks of the condition after the daemon has started, in ms. */
const RUNNING_MS = 2000
/**
 * Maximum run time of systemd-notify, in ms. systemd-notify waits until systemd has processed the message.
 */
const NOTIFY_MS = 10_000

/**
 * Maximum length of a status, in characters: systemd rejects long messages, and the kernel rejects long
 * arguments.
 */
const STATUS_CHARS = 500

/**
 * Returns a status line. Escapes the text: it may quote a server, and a line feed in it would begin another
 * message to systemd.
 */
const statusLine = (text: string) => `STATUS=${visible(text.slice(0, STATUS_CHARS))}`

/**
 * Reports whether a systemd-notify of root can send messages as its parent process. It needs a capability that
 * containers usually lack.
 */
export function canSpeakAsParent(): boolean {
  try {
    return capabilitiesIn('CapBnd')('SYS_ADMIN')
  } catch {
    return false
  }
}

/** State of a daemon, with a one-line description. */
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
 * Reports to systemd for a unit of Type=notify: the unit's start, status, signs of life, and stop. Without
 * signs of life, systemd's watchdog restarts the unit. Node has no Unix datagram sockets, so each message
 * runs systemd-notify, which takes 6 to 10 ms of CPU time.
 * @returns undefined if this process is not the main process of such a unit
 */
export function startNotifier(options: NotifierOptions): Notifier | undefined {
  const { NOTIFY_SOCKET, SYSTEMD_EXEC_PID } = options.env
  // The socket may be inherited from the unit of an ancestor. This process must not send messages for that
  // unit.
  if (!NOTIFY_SOCKET || (SYSTEMD_EXEC_PID && SYSTEMD_EXEC_PID !== String(options.pid))) return undefined
  return new Notifier(options, NOTIFY_SOCKET)
}

export class Notifier {
  readonly #options: NotifierOptions
  readonly #socket: string
  readonly #startedAt: number
  /** Interval between watchdog messages, in ms; infinite if systemd does not expect any. */
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
    // The interval is a third of the limit, so that one late message does not trigger the watchdog.
    this.#aliveMs = watched ? Number(env.WATCHDOG_USEC) / 1000 / 3 : Number.POSITIVE_INFINITY
    this.#look()
  }

  /**
   * Tells systemd that the daemon is stopping. Sends no other messages afterwards. Resolves when
   * systemd-notify has ended.
   */
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
    // When the daemon has just become ready, `#told` is not set yet, so a message is also due.
    const due = this.#ready && now - this.#told >= this.#aliveMs
    if (text !== this.#text || due) {
      this.#text = text
      if (this.#ready) this.#told = now
      // Repeats READY=1: an old systemd drops a message whose sender has already exited.
      void this.#tell([...(this.#ready ? ['READY=1', 'WATCHDOG=1'] : []), statusLine(text)])
    }
    const again = this.#ready ? Math.min(RUNNING_MS, this.#aliveMs) : STARTING_MS
    this.#timer = clock.setTimeout(() => this.#look(), again)
  }

  /** Sends messages one at a time, in order. */
  #tell(lines: string[]): Promise<void> {
    const { env, logger } = this.#options
    const tell = () =>
      new Promise<void>((resolve) => {
        const options = {
          env: { PATH: trustedPath(env), NOTIFY_SOCKET: this.#socket },
          timeout: NOTIFY_MS,
        }
        execFile('systemd-notify', lines, options, (error) => {
          if (error) logger.warn({ err: error }, 'cannot send the status to systemd')
          resolve()
        })
      })
    this.#telling = this.#telling.then(tell)
    return this.#telling
  }
}
