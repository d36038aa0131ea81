import type { Agent } from '../agents/agent.ts'
import type { ServerConnection } from '../link/server-connection.ts'
import { Emitter } from '../platform/emitter.ts'
import type { Logger } from '../platform/log.ts'
import type { CommandResult } from '../protocol/index.ts'
import type { CommandLog } from './command-log.ts'

export interface AnswersOptions {
  commandLog: CommandLog
  link: Pick<ServerConnection, 'send'>
  logger: Logger
}

/** Records the answers to commands, and then sends them. */
export class Answers {
  readonly events = new Emitter<{ given: [result: CommandResult] }>()
  readonly #options: AnswersOptions

  constructor(options: AnswersOptions) {
    this.#options = options
  }

  /**
   * Records and sends the final answer to a command.
   * @param until time until which the answer must be kept, in ms since 1970
   */
  async give(result: CommandResult, until?: number): Promise<void> {
    await this.#record(result, until)
    this.send(result)
    this.events.emit('given', result)
  }

  /**
   * Answers the start of an agent that is being removed, unless the start has an answer. Without an answer, a
   * repeat of the command would start the agent again.
   * @param until time until which the answer must be kept, in ms since 1970
   */
  async onRemoved({ id, record: { command_id } }: Pick<Agent, 'id' | 'record'>, until?: number) {
    if (this.#options.commandLog.get(command_id)) return
    const error = {
      code: 'interrupted',
      message: `${id} was removed before its start was answered.`,
    } as const
    await this.give({ type: 'agent:start:result', command_id, ok: false, error }, until)
  }

  async #record(result: CommandResult, until: number | undefined) {
    const { commandLog, logger } = this.#options
    const { type, command_id, ok } = result
    try {
      await commandLog.record(result, until)
      logger.debug({ type, command_id, ok }, 'result recorded')
    } catch (error) {
      // Send the answer although the result is not on disk. If the command arrives again, its handler notices
      // that it was already carried out.
      logger.warn({ err: error }, 'result not recorded')
    }
  }

  /** Resends a recorded answer. @returns false if no answer to the command is recorded */
  repeat(commandId: string): boolean {
    const result = this.#options.commandLog.get(commandId)
    if (result) this.send(result)
    return result !== undefined
  }

  /**
   * Sends an answer without recording it. If the connection is down, the server resends the command later.
   */
  send(result: CommandResult) {
    this.#options.link.send(result)
  }
}
