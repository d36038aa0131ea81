import type { ServerConnection } from '../link/server-connection.ts'
import type { Logger } from '../platform/log.ts'
import type { CommandResult } from '../protocol/index.ts'
import type { CommandLog } from './command-log.ts'

export interface AnswersOptions {
  commandLog: CommandLog
  link: Pick<ServerConnection, 'send'>
  logger: Logger
}

/** Answers to commands: recorded, then sent. */
export class Answers {
  readonly #options: AnswersOptions

  constructor(options: AnswersOptions) {
    this.#options = options
  }

  /** Records and sends the final answer to a command. */
  async give(result: CommandResult): Promise<void> {
    const { commandLog, logger } = this.#options
    const { type, command_id, ok } = result
    try {
      await commandLog.record(result)
      logger.debug({ type, command_id, ok }, 'result recorded')
    } catch (error) {
      // Answer although it is not on disk: if the command comes again, its work is found done.
      logger.warn({ err: error }, 'result not recorded')
    }
    this.send(result)
  }

  /** Sends a recorded answer again. @returns false if the command has none */
  repeat(commandId: string): boolean {
    const result = this.#options.commandLog.get(commandId)
    if (result) this.send(result)
    return result !== undefined
  }

  /** Sends an answer that is not recorded. If the link is down, the server sends the command again. */
  send(result: CommandResult) {
    this.#options.link.send(result)
  }
}
