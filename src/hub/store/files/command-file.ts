import type { Logger } from '../../../platform/log.ts'
import type { CommandLine, CommandReader, CommandStore } from '../commands.ts'
import { CommandLog } from './command-log.ts'

/** `commands.jsonl`. When many lines of the file are no longer needed, the file is rewritten without them. */
export class CommandFile implements CommandStore {
  readonly #path: string
  readonly #logger: Logger
  #log: CommandLog | undefined
  #kept: CommandReader['kept'] = () => []

  constructor({ path, logger }: { path: string; logger: Logger }) {
    this.#path = path
    this.#logger = logger
  }

  async load({ visit, isPending, kept }: CommandReader): Promise<void> {
    this.#kept = kept
    this.#log = new CommandLog({ path: this.#path, logger: this.#logger, visit })
    this.#log.keepSecretsOf(isPending)
    await this.#log.drain()
  }

  append(line: CommandLine): Promise<void> {
    const log = this.#opened
    const written = log.append(line)
    if ('outcome' in line)
      written.then(
        () => this.#compact(log),
        () => {},
      )
    return written
  }

  async drain(): Promise<void> {
    await this.#log?.drain()
  }

  get #opened(): CommandLog {
    if (!this.#log) throw new Error('the list of commands was not loaded')
    return this.#log
  }

  async #compact(log: CommandLog): Promise<void> {
    if (!log.isBloated) return
    await log
      .rewrite(this.#kept)
      .catch((error) => this.#logger.error({ err: error }, 'could not rewrite the list of commands'))
  }
}
