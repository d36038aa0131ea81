import { EventEmitter } from 'node:events'
import { closeSync, fdatasync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import * as z from 'zod/mini'
import { systemCode } from '../platform/errors.ts'
import { writeAtomic } from '../platform/files.ts'
import { AgentId, type Command, CommandId, CommandResult, Json, type Outcome } from '../protocol/index.ts'

/** Answered commands remembered for those who ask again. */
const KEPT = 5000
/** The file is written anew, without what is not needed, beyond this. */
const REWRITE_BYTES = 32 * 1024 * 1024

const Given = z.object({
  version: z.literal(1),
  command_id: CommandId,
  machine_id: z.string(),
  agent_id: z.optional(AgentId),
  /** Absent once answered. */
  command: z.optional(Json),
})
type Given = z.infer<typeof Given>
const Answered = z.object({ version: z.literal(1), result: CommandResult })
const Line = z.union([Answered, Given])

interface Entry {
  given: Given
  result?: CommandResult
}

/** Commands given to machines: on disk before they are sent, sent until they are answered. */
export class Commands {
  readonly #path: string
  readonly #entries = new Map<string, Entry>()
  readonly #answers = new EventEmitter().setMaxListeners(0)
  #fd: number

  constructor(path: string) {
    this.#path = path
    for (const line of readLines(path)) this.#load(line)
    this.#fd = this.#rewrite()
  }

  /**
   * Remembers a command durably. One with a known id is that command, whatever it says.
   * @returns whether it is new
   */
  async give(machineId: string, command: Command): Promise<boolean> {
    if (this.#entries.has(command.command_id)) return false
    const { command_id } = command
    const given: Given = {
      version: 1,
      command_id,
      machine_id: machineId,
      ...('agent_id' in command && { agent_id: command.agent_id }),
      command,
    }
    this.#append(given)
    this.#entries.set(command_id, { given })
    await promisify(fdatasync)(this.#fd)
    return true
  }

  /** Those that a machine has not answered, in the order they were given. */
  pending(machineId: string): Command[] {
    return [...this.#entries.values()]
      .filter(({ given, result }) => given.machine_id === machineId && !result)
      .map(({ given }) => given.command as Command)
  }

  /** @returns the command that was answered, the first time it is */
  answer(machineId: string, result: CommandResult): Command | undefined {
    const entry = this.#entries.get(result.command_id)
    if (!entry || entry.result || entry.given.machine_id !== machineId) return undefined
    const command = entry.given.command as Command
    this.#append({ version: 1, result })
    entry.result = result
    entry.given = { ...entry.given, command: undefined }
    this.#answers.emit(result.command_id)
    if (statSync(this.#path).size > REWRITE_BYTES) {
      closeSync(this.#fd)
      this.#fd = this.#rewrite()
    }
    return command
  }

  /** Gives up what a machine that is forgotten has not answered. */
  drop(machineId: string) {
    for (const [id, { given, result }] of this.#entries)
      if (given.machine_id === machineId && !result) {
        this.#entries.delete(id)
        this.#answers.emit(id)
      }
    closeSync(this.#fd)
    this.#fd = this.#rewrite()
  }

  outcome(commandId: string): Outcome | undefined {
    const entry = this.#entries.get(commandId)
    if (!entry) return undefined
    const { command_id, machine_id, agent_id } = entry.given
    const base = { command_id, machine_id, ...(agent_id && { agent_id }) }
    if (!entry.result) return { ...base, state: 'pending' }
    if (!entry.result.ok)
      return { ...base, state: 'failed', error: (entry.result as { error: Outcome['error'] }).error }
    const { type: _type, command_id: _id, ok: _ok, ...result } = entry.result
    return { ...base, state: 'succeeded', result }
  }

  /** Waits until the command is answered, at most `ms`. */
  wait(commandId: string, ms: number): Promise<void> {
    const entry = this.#entries.get(commandId)
    if (!entry || entry.result) return Promise.resolve()
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer)
        this.#answers.off(commandId, finish)
        resolve()
      }
      const timer = setTimeout(finish, ms)
      this.#answers.on(commandId, finish)
    })
  }

  close() {
    closeSync(this.#fd)
  }

  #load(line: string) {
    const parsed = parse(line)
    if (!parsed) return
    if ('result' in parsed) {
      const entry = this.#entries.get(parsed.result.command_id)
      if (!entry) return
      entry.result = parsed.result
      entry.given = { ...entry.given, command: undefined }
    } else this.#entries.set(parsed.command_id, { given: parsed })
  }

  #append(entry: object) {
    // The leading newline keeps a line that was torn from spoiling this one.
    writeSync(this.#fd, `\n${JSON.stringify(entry)}`)
  }

  #rewrite(): number {
    const answered = [...this.#entries.values()].filter(({ result }) => result)
    for (const { given } of answered.slice(0, -KEPT)) this.#entries.delete(given.command_id)
    const lines = [...this.#entries.values()].flatMap(({ given, result }) => [
      `\n${JSON.stringify(given)}`,
      ...(result ? [`\n${JSON.stringify({ version: 1, result })}`] : []),
    ])
    writeAtomic(this.#path, lines.join(''), { durable: true })
    return openSync(this.#path, 'a', 0o600)
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

function parse(line: string): z.infer<typeof Line> | undefined {
  try {
    const parsed = Line.safeParse(JSON.parse(line))
    return parsed.success ? parsed.data : undefined
  } catch {
    // Torn: that command was not acknowledged to whoever gave it, or that answer comes again.
    return undefined
  }
}
