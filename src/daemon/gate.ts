import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, statSync } from 'node:fs'
import { CommandFailure } from '../agents/command-failure.ts'
import type { Logger } from '../platform/log.ts'
import { faultsOf } from '../platform/ownership.ts'
import { trustedPath } from '../platform/trusted-path.ts'
import { visible } from '../platform/visible-text.ts'
import type { Policy } from '../policy/schema.ts'
import type { Command } from '../protocol/index.ts'
import { ACTING } from '../protocol/policy-rules.ts'
import { shorten } from '../protocol/shorten.ts'

/** Maximum number of gate programs that run at once. */
const AT_ONCE = 4
/** Maximum wait for the remaining output of a program that has ended, in ms. */
const CLOSE_MS = 500
/**
 * Maximum number of bytes of the program's output that are searched for the reason. Further output is
 * discarded.
 */
const REASON_BYTES = 4096
/** Maximum length of the reason, in characters. */
const REASON_CHARS = 300

/** Coordinates a command that waits for the gate's decision with other commands for the same agent. */
export interface GateWait {
  /** Signal that is aborted when a command to stop the agent arrives. The gate then ends its program. */
  overtaken: AbortSignal
  /** Waits for the decision. In the meantime, interrupts may start. */
  until(decided: Promise<unknown>): Promise<unknown>
}

type GateSettings = NonNullable<Policy['gate']>

/** Runs the machine's gate: a program that can refuse commands. */
export class Gate {
  readonly #logger: Logger
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /**
   * Resolves if the policy has no gate, or if the gate's program permits the command.
   * @throws CommandFailure
   */
  async check(command: Command, { gate }: Policy, wait?: GateWait) {
    if (!gate || !ACTING.includes(command.type)) return
    const decided = this.#decide(command, gate, wait?.overtaken)
    if (!wait) return decided
    decided.catch(() => {})
    await wait.until(Promise.race([decided, aborted(wait.overtaken)]))
    if (wait.overtaken.aborted) throw stopped()
  }

  async #decide(command: Command, gate: GateSettings, overtaken: AbortSignal | undefined) {
    await this.#turn()
    try {
      if (overtaken?.aborted) return
      const problem = problemOf(gate.program)
      if (problem !== undefined) this.#logger.error({ gate: gate.program, problem }, 'the gate cannot be run')
      const reason = problem ?? (await refusalOf(gate, command, overtaken))
      if (reason !== undefined) throw refused(gate, reason)
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }

  async #turn() {
    if (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running++
  }
}

/** Returns why a program cannot, or must not, decide about commands; undefined if it can. */
function problemOf(program: string): string | undefined {
  const [fault] = faultsOf(program)
  if (fault) return `Other users could have changed the program: ${fault.message}.`
  try {
    accessSync(program, constants.X_OK)
    return statSync(program).isFile() ? undefined : 'It is not a file.'
  } catch {
    return 'It does not exist, or is not executable.'
  }
}

/**
 * Runs the program with the command as JSON on its standard input.
 * @param overtaken signal that is aborted to end the program
 * @returns the reason, if the program refuses the command
 */
function refusalOf(
  { program, timeout_s }: GateSettings,
  command: Command,
  overtaken?: AbortSignal,
): Promise<string | undefined> {
  const { HOME = '/', LANG = 'C.UTF-8' } = process.env
  // Use a separate process group, so that the program and all processes that it started can be ended
  // together.
  const child = spawn(program, [], {
    cwd: '/',
    env: { PATH: trustedPath(), HOME, LANG },
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  const failed = new Promise<string>((resolve) =>
    child.once('error', (error) => resolve(`It cannot be run: ${error.message}.`)),
  )
  // If no file descriptors are free, the child has no pipes.
  if (!child.stdin || !child.stderr) return failed
  let said = Buffer.alloc(0)
  child.stderr.on('data', (chunk: Buffer) => {
    if (said.length < REASON_BYTES) said = Buffer.concat([said, chunk]).subarray(0, REASON_BYTES)
  })
  // Ignore errors, because the program need not read the command.
  child.stdin.on('error', () => {})
  child.stdin.end(`${JSON.stringify(command)}\n`)
  return new Promise((resolve) => {
    const end = (reason: string | undefined) => {
      clearTimeout(timer)
      endGroup(child)
      child.stderr.destroy()
      resolve(reason)
    }
    const timer = setTimeout(() => end(`It has not decided within ${timeout_s} seconds.`), timeout_s * 1000)
    void failed.then(end)
    overtaken?.addEventListener('abort', () => end(undefined), { once: true })
    child.once('exit', (code, signal) => {
      if (code === 0) return end(undefined)
      const refuse = () => end(firstLine(said) ?? `It has ended with ${signal ?? `code ${code}`}.`)
      // The reason may still be in the pipe. End all processes that the program started, because they could
      // keep the pipe open.
      endGroup(child)
      child.once('close', refuse)
      setTimeout(refuse, CLOSE_MS).unref()
    })
  })
}

function endGroup({ pid }: ChildProcess) {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // All processes of the group have ended.
  }
}

function firstLine(said: Buffer): string | undefined {
  const line = said
    .toString('utf8')
    .split('\n')
    .find((each) => each.trim() !== '')
  return line === undefined ? undefined : shorten(visible(line.trim()), REASON_CHARS)
}

async function aborted(signal: AbortSignal) {
  if (!signal.aborted) await once(signal, 'abort')
}

const stopped = () =>
  new CommandFailure(
    'interrupted',
    'A command to stop the agent arrived before the gate of this machine had decided.',
    {
      remedy: 'Send the command again if the agent should still carry it out.',
    },
  )

const refused = ({ program }: GateSettings, reason: string) =>
  new CommandFailure('policy', `The gate of this machine refuses the command: ${reason}`, {
    path: 'gate',
    remedy: `Change the command, or have the machine's operator change ${program}.`,
  })
