import { CommandFailure } from '../agents/command-failure.ts'
import { sleep } from '../platform/clock.ts'
import { isDiskFull, shortageIn, systemCode } from '../platform/errors.ts'
import type { Logger } from '../platform/log.ts'
import { type Command, type CommandResult, READING } from '../protocol/index.ts'
import { AnsweredLater } from './answered-later.ts'
import type { Answers } from './answers.ts'
import { type CommandContext, carryOut } from './command-handlers.ts'
import { CommandOrder } from './command-order.ts'
import type { GateWait } from './gate.ts'
import type { Admitted } from './signature-guard.ts'

export interface DispatcherOptions {
  context: CommandContext
  /**
   * Returns the command to carry out.
   * @throws CommandFailure if the command needs a signature and has no valid one
   */
  admit(command: Command): Admitted
  answers: Answers
  logger: Logger
}

/** Accepts commands. Carries out each command only once, and answers it every time the server sends it. */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #running = new Map<string, Promise<void>>()
  /** Commands that have not started yet, by agent. */
  readonly #orders = new Map<string, CommandOrder>()
  #draining = false

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  take(command: Command) {
    const { answers } = this.#options
    if (answers.repeat(command.command_id)) return
    // The command is in progress, and its answer will be sent later.
    if (this.#running.has(command.command_id)) return
    if (this.#draining)
      return answers.send(
        failed(
          command,
          new CommandFailure('draining', 'The daemon is stopping.', {
            remedy: 'Send the command again later.',
          }),
        ),
      )
    let admitted: Admitted
    try {
      admitted = this.#options.admit(command)
    } catch (error) {
      // Do not record this answer, because a signed command with the same id may arrive later.
      return answers.send(failed(command, error))
    }
    const running = this.#carryOut(admitted).finally(() => this.#running.delete(command.command_id))
    this.#running.set(command.command_id, running)
  }

  /** Accepts no further commands. Commands in progress end early when the agents are stopped. */
  drain() {
    this.#draining = true
  }

  /** Resolves when no command is in progress. @param withinMs maximum wait */
  async whenIdle(withinMs?: number) {
    const settled = Promise.all(this.#running.values())
    await (withinMs === undefined ? settled : Promise.race([settled, sleep(withinMs)]))
  }

  async #carryOut({ command, untilMs }: Admitted): Promise<void> {
    const { context, answers, logger } = this.#options
    const { type, command_id, by } = command
    const about = { type, ...('agent_id' in command && { agent_id: command.agent_id }), command_id }
    logger.info({ ...about, ...(by !== undefined && { by }) }, 'command received')
    const result = await this.#inOrder(command, (wait) => carryOut(context, command, wait))
      .then(({ confirmed }) => confirmed)
      .then(
        (value): CommandResult | undefined => ({
          ...value,
          type: `${command.type}:result`,
          command_id: command.command_id,
          ok: true,
        }),
        (error) => {
          if (error instanceof AnsweredLater) return undefined
          if (!(error instanceof CommandFailure))
            logger.error({ err: error, type: command.type }, 'command failed')
          return failed(command, error)
        },
      )
    if (!result) return
    if (!result.ok) logger.info({ ...about, code: result.error.code }, 'command not carried out')
    if (READING.includes(type)) answers.send(result)
    else await answers.give(result, untilMs)
  }

  #inOrder<R>(command: Command, begin: (wait?: GateWait) => Promise<R>): Promise<R> {
    if (!('agent_id' in command) || READING.includes(command.type))
      return Promise.resolve().then(() => begin())
    const { agent_id } = command
    const order = this.#orders.get(agent_id) ?? new CommandOrder(() => this.#orders.delete(agent_id))
    this.#orders.set(agent_id, order)
    return order.add(command, { permit: () => this.#options.context.checkPolicy(command), begin })
  }
}

function failed(command: Command, error: unknown): CommandResult {
  const known = error instanceof CommandFailure
  return {
    type: `${command.type}:result`,
    command_id: command.command_id,
    ok: false,
    error: known ? error.error : systemError(error),
  }
}

function systemError(error: unknown) {
  if (isDiskFull(error))
    return {
      code: 'disk_full',
      message: 'The disk with the state folder is full.',
      remedy: 'Free space on this disk.',
    }
  if (systemCode(error) === 'EROFS')
    return {
      code: 'internal',
      message: 'The disk with the state folder is read-only.',
      remedy: 'Mount it writable again (mount -o remount,rw).',
    }
  const shortage = shortageIn(error)
  if (shortage)
    return { code: 'internal', message: `The command failed: ${shortage.message}`, remedy: shortage.remedy }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) }
}
