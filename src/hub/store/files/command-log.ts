import { readFileSync } from 'node:fs'
import { systemCode } from '../../../platform/errors.ts'
import { parseJsonLine, setAside, writeAtomic } from '../../../platform/files.ts'
import type { Logger } from '../../../platform/log.ts'
import { type Command, Commands, hasSecrets } from '../../../protocol/index.ts'
import { type CommandLine, CommandLineRecord } from '../commands.ts'
import { AppendFile } from './append-file.ts'
import { SecretLines } from './secret-lines.ts'

/**
 * Minimum size at which the file is rewritten, in bytes. The size must also have doubled since the last
 * rewrite.
 */
const REWRITE_BYTES = 16 * 1024 * 1024

export interface CommandLogOptions {
  path: string
  logger: Logger
  /** Called with each existing line. */
  visit(line: CommandLine): void
}

/**
 * `commands.jsonl`: accepted commands and outcomes, in order of arrival. Once a command has its outcome, the
 * command's line is erased if it contains secrets.
 */
export class CommandLog {
  readonly #path: string
  readonly #logger: Logger
  #file: AppendFile
  #secrets = new SecretLines()
  /** Outcomes that could not be written; retried with the next line. */
  #owed: { text: string; id: string }[] = []
  /** Size of the file after the last rewrite, in bytes; 0 if this process has not rewritten it. */
  #rewrittenBytes = 0
  #turn: Promise<unknown> = Promise.resolve()

  /** @throws UserError if a newer version wrote the file */
  constructor({ path, logger, visit }: CommandLogOptions) {
    this.#path = path
    this.#logger = logger
    let damaged = 0
    this.#file = new AppendFile(path)
    for (const { text, at, bytes } of linesIn(path)) {
      const line = parseJsonLine(path, text, CommandLineRecord) as CommandLine | undefined
      if (line) {
        visit(line)
        this.#noteSecrets(line, { at, bytes })
      } else {
        damaged++
        // Keep a line of valid JSON, which another version may understand. Erase a partial line, which may
        // contain secrets.
        if (!isJson(text)) this.#secrets.giveUp({ at, bytes })
      }
    }
    if (damaged > 0) logger.error({ path, lines: damaged }, 'skipped damaged lines in the list of commands')
  }

  /**
   * Resolves when the line is on the disk. @throws the system error; in this case, a command is not stored
   */
  append(line: CommandLine): Promise<void> {
    const text = JSON.stringify(line)
    return this.#inTurn(async () => {
      for (const owed of this.#owed) this.#file.add(owed.text)
      const at = this.#file.size + this.#owed.reduce((sum, owed) => sum + lengthOf(owed.text), 0)
      this.#file.add(text)
      try {
        await this.#file.flush()
      } catch (error) {
        this.#file.discard()
        if ('outcome' in line) this.#owed.push({ text, id: line.outcome.command_id })
        throw error
      }
      for (const { id } of this.#owed.splice(0)) this.#secrets.release(id)
      if ('outcome' in line) this.#secrets.release(line.outcome.command_id)
      this.#noteSecrets(line, { at, bytes: Buffer.byteLength(text) })
      await this.#erase()
    })
  }

  get isBloated() {
    return this.#file.size > Math.max(REWRITE_BYTES, 2 * this.#rewrittenBytes)
  }

  /** Replaces the content of the file with these lines, if the file is still too long. */
  rewrite(lines: () => CommandLine[]): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.isBloated) return
      const secrets = new SecretLines()
      let at = 0
      const texts = lines().map((line) => {
        const text = `${JSON.stringify(line)}\n`
        const bytes = Buffer.byteLength(text) - 1
        if (isSecret(line)) secrets.keep(line.command.command_id, { at, bytes })
        at += bytes + 1
        return text
      })
      writeAtomic(this.#path, texts.join(''), { durable: true })
      this.#secrets = secrets
      this.#file = new AppendFile(this.#path)
      this.#rewrittenBytes = this.#file.size
    })
  }

  /** Erases the secrets of all commands that are no longer pending. */
  keepSecretsOf(isPending: (commandId: string) => boolean) {
    for (const id of this.#secrets.ids) if (!isPending(id)) this.#secrets.release(id)
    void this.#inTurn(() => this.#erase())
  }

  /** Resolves when all pending writes are done. */
  async drain(): Promise<void> {
    await this.#turn
  }

  #noteSecrets(line: CommandLine, place: { at: number; bytes: number }) {
    if (isSecret(line)) this.#secrets.keep(line.command.command_id, place)
  }

  async #erase(): Promise<void> {
    try {
      await this.#secrets.erase(this.#path)
    } catch (error) {
      this.#logger.error({ err: error }, 'could not erase secrets of answered commands; will retry')
    }
  }

  #inTurn(run: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(run)
    this.#turn = turn.catch(() => {})
    return turn
  }
}

const isSecret = (line: CommandLine): line is CommandLine & { command: Command } =>
  'command' in line && hasSecrets(Commands[line.command.type], line.command)

const lengthOf = (text: string) => Buffer.byteLength(text) + 1

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Yields the nonblank lines of a file with their positions in bytes. */
function* linesIn(path: string) {
  const data = read(path)
  for (let at = 0, end = 0; at < data.length; at = end + 1) {
    end = data.indexOf('\n', at)
    if (end === -1) end = data.length
    const text = data.toString('utf8', at, end)
    if (text.trim() !== '') yield { text, at, bytes: end - at }
  }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return Buffer.alloc(0)
    // The file is longer than any file that a hub writes.
    if (systemCode(error) !== 'ERR_FS_FILE_TOO_LARGE') throw error
    setAside(path)
    return Buffer.alloc(0)
  }
}
