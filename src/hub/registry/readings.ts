import type { Clock } from '../../platform/clock.ts'
import {
  type Command,
  type CommandError,
  type CommandOf,
  type CommandResult,
  type ResultOf,
  Results,
} from '../../protocol/index.ts'
import { check } from '../../protocol/schema-check.ts'
import { HttpError } from '../http-error.ts'
import type { MachineRegistry } from './machine-registry.ts'
import { lacking, unsupported } from './unsupported.ts'

/** Maximum number of readings that wait for one machine, and for all machines. */
const WAITING = { ofMachine: 16, all: 256 }
/** Maximum time for an answer, in ms. */
const ANSWER_MS = 60_000

export type ReadingType = 'workspace:diff' | 'workspace:file'

interface Waiting {
  machineId: string
  type: string
  settle(answer: CommandResult | HttpError): void
}

export interface ReadingsOptions {
  machines: Pick<MachineRegistry, 'link'>
  clock: Clock
}

/**
 * Commands that only read something on a machine. They are neither stored nor sent again: if the machine is
 * not connected, they fail at once.
 */
export class Readings {
  readonly #options: ReadingsOptions
  readonly #waiting = new Map<string, Waiting>()

  constructor(options: ReadingsOptions) {
    this.#options = options
  }

  /** Resolves with a machine's answer to a command. @throws HttpError */
  async read<T extends ReadingType>(machineId: string, command: CommandOf<T>): Promise<ResultOf<T>> {
    const { machines } = this.#options
    const link = machines.link(machineId)
    if (!link) throw notConnected()
    const { type, command_id } = command
    const feature = lacking(link.capabilities, command as Command)
    if (feature !== undefined) {
      const { code, message, ...rest } = unsupported(feature)
      throw new HttpError(409, code, message, rest)
    }
    // The limits below count ids.
    if (this.#waiting.has(command_id))
      throw new HttpError(409, 'command_exists', `Another command has the id ${command_id}.`, {
        path: 'command_id',
      })
    const all = [...this.#waiting.values()]
    const ofMachine = all.filter((each) => each.machineId === machineId)
    if (all.length >= WAITING.all || ofMachine.length >= WAITING.ofMachine)
      throw new HttpError(503, 'busy', 'Too many requests wait for the machine to read its folders.')
    const answer = this.#answer(command_id, { machineId, type })
    link.send(command)
    return resultIn(await answer, type) as ResultOf<T>
  }

  /** Takes the result of a command. @returns false if no reading waits for it */
  onResult(machineId: string, result: CommandResult): boolean {
    const waiting = this.#of(machineId, result.command_id)
    if (!waiting || result.type !== `${waiting.type}:result`) return false
    waiting.settle(result)
    return true
  }

  /** Fails a reading that the machine could not parse. */
  onUnreadable(machineId: string, commandId: string, message: string) {
    this.#of(machineId, commandId)?.settle(new HttpError(409, 'invalid_command', message))
  }

  /** Fails the readings of a machine that has disconnected. */
  onDisconnected(machineId: string) {
    for (const waiting of [...this.#waiting.values()])
      if (waiting.machineId === machineId) waiting.settle(notConnected())
  }

  #of(machineId: string, commandId: string): Waiting | undefined {
    const waiting = this.#waiting.get(commandId)
    return waiting?.machineId === machineId ? waiting : undefined
  }

  #answer(commandId: string, about: Pick<Waiting, 'machineId' | 'type'>): Promise<CommandResult> {
    const { clock } = this.#options
    return new Promise((resolve, reject) => {
      const settle = (answer: CommandResult | HttpError) => {
        clock.clearTimeout(timer)
        this.#waiting.delete(commandId)
        if (answer instanceof HttpError) reject(answer)
        else resolve(answer)
      }
      const late = new HttpError(503, 'no_reply', 'The machine has not answered in time.')
      const timer = clock.setTimeout(() => settle(late), ANSWER_MS)
      this.#waiting.set(commandId, { ...about, settle })
    })
  }
}

function resultIn(answer: CommandResult, type: ReadingType) {
  if (!answer.ok) throw refusal(answer.error)
  const parsed = check(Results[type], answer)
  if (parsed.success) return parsed.data
  throw new HttpError(503, 'bad_answer', 'The machine gave an answer that the hub cannot read.')
}

/** Statuses of answers for errors of the machine. All other errors have 409. */
const STATUSES: Record<string, HttpError['status']> = {
  agent_not_found: 404,
  file_not_found: 404,
  invalid_command: 400,
  policy: 403,
  busy: 503,
}

function refusal({ code, message, ...rest }: CommandError): HttpError {
  return new HttpError(STATUSES[code] ?? 409, code, message, rest)
}

const notConnected = () =>
  new HttpError(503, 'machine_offline', 'The machine of this agent is not connected.', {
    remedy: 'Try again when the machine is connected.',
  })
