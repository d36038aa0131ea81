import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { EXIT } from '../../src/platform/exit-codes.ts'

export interface SupervisedOptions {
  name: string
  /** Undefined if the process runs as the user of this process. */
  uid: number | undefined
  command: string[]
  env: Record<string, string>
  cwd: string
  log: string
  /** Returns the delay before the next start, in ms. */
  pause(): number
  /** Called when the process ends unexpectedly. */
  crashed(name: string, how: number | string): void
}

/** Maximum time until a process ends after a signal, in milliseconds. */
const PATIENCE_MS = 20_000

/** A process that is restarted whenever it ends, as a service manager would do. */
export class Supervised {
  readonly #options: SupervisedOptions
  #child: ChildProcess | undefined
  #timer: NodeJS.Timeout | undefined
  #thaw: NodeJS.Timeout | undefined
  #asked = false
  #stopping = false
  /** True if the process is not restarted automatically. */
  #held = false
  /** Byte offset in the log at which the output of the last run begins. */
  #from = 0
  #ended: Promise<number | string> = Promise.resolve(0)
  starts = 0
  /** Time of the last start of the process, in ms since 1970. */
  startedAt = 0

  constructor(options: SupervisedOptions) {
    this.#options = options
  }

  get pid() {
    return this.#child?.pid
  }

  start() {
    const { command, env, cwd, log, uid } = this.#options
    const fd = openSync(log, 'a')
    this.#from = fstatSync(fd).size
    const child = spawn(command[0]!, command.slice(1), {
      env,
      cwd,
      stdio: ['ignore', fd, fd],
      ...(uid !== undefined && { uid, gid: uid }),
    })
    closeSync(fd)
    this.#child = child
    this.#asked = false
    this.#held = false
    this.starts++
    this.startedAt = Date.now()
    this.#ended = new Promise((resolve) =>
      child.once('exit', (code, signal) => {
        this.#child = undefined
        clearTimeout(this.#thaw)
        resolve(code ?? signal ?? 'lost')
        if (!this.#asked && code !== EXIT.restart)
          this.#options.crashed(this.#options.name, code ?? signal ?? 'lost')
        if (!this.#stopping && !this.#held)
          this.#timer = setTimeout(() => this.start(), this.#options.pause())
      }),
    )
  }

  /** Returns the output of the process since its last start. */
  words() {
    return readFileSync(this.#options.log).subarray(this.#from).toString()
  }

  kill(signal: NodeJS.Signals): boolean {
    this.#asked = true
    return this.#child?.kill(signal) ?? false
  }

  /** Kills the process, and does not restart it before `start` is called. Resolves when it has ended. */
  async hold(): Promise<void> {
    this.#held = true
    clearTimeout(this.#timer)
    this.kill('SIGKILL')
    await this.#ended
  }

  freeze(ms: number): boolean {
    const child = this.#child
    if (!child?.kill('SIGSTOP')) return false
    clearTimeout(this.#thaw)
    this.#thaw = setTimeout(() => child.kill('SIGCONT'), ms)
    return true
  }

  thaw() {
    clearTimeout(this.#thaw)
    this.#child?.kill('SIGCONT')
  }

  descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length
  }

  /**
   * Ends the process permanently, with SIGKILL if it takes too long.
   * @returns the exit code, or the signal's name
   */
  async stop(signal: NodeJS.Signals): Promise<number | string> {
    this.#stopping = true
    clearTimeout(this.#timer)
    this.thaw()
    this.kill(signal)
    const late = setTimeout(() => this.kill('SIGKILL'), PATIENCE_MS)
    return this.#ended.finally(() => clearTimeout(late))
  }
}
