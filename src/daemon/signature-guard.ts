import { CommandFailure } from '../agents/command-failure.ts'
import type { Clock } from '../platform/clock.ts'
import type { CurrentPolicy } from '../policy/current.ts'
import { openSigned, REPEATABLE_MS } from '../policy/signed-command.ts'
import { type Command, type Refuse, SIGNED } from '../protocol/index.ts'

export interface SignatureGuardOptions {
  current: Pick<CurrentPolicy, 'state' | 'lastRead'>
  machineId: string
  clock: Clock
  /** Reports whether the daemon has begun to carry out a command. @see Expected.hasBegun */
  hasBegun(command: Command): boolean
  /** Counts and logs a refusal. */
  counted(failure: CommandFailure, what: string): CommandFailure
}

/** A command to carry out. */
export interface Admitted {
  command: Command
  /** For a signed command: time until which the server could send it again, in ms since 1970. */
  untilMs?: number
}

/**
 * If the machine's policy lists the keys of people, accepts only commands that one of these people has
 * signed.
 */
export class SignatureGuard {
  readonly #options: SignatureGuardOptions

  constructor(options: SignatureGuardOptions) {
    this.#options = options
  }

  /**
   * Returns the command to carry out, in the form that its author signed. If no signature is needed, returns
   * the command as the server sent it.
   * @throws CommandFailure
   */
  admit(command: Command): Admitted {
    const { current, machineId, clock, hasBegun } = this.#options
    const { state } = current
    if (!SIGNED.includes(command.type)) return { command: unsigned(command) }
    if (state.from === 'unreadable') {
      const message = `The machine's policy cannot be read, so ${command.type} may need a signature.`
      throw this.#refusal(command, message, "Have the machine's operator correct the policy.", 'policy')
    }
    const { signed_by: keys } = state.policy
    if (keys.length === 0) return { command: unsigned(command) }
    const opened = openSigned(command, { keys, machineId, now: clock.now(), hasBegun })
    if (!opened.command) throw this.#refusal(command, opened.refused, opened.remedy)
    return { command: unsigned(opened.command), untilMs: opened.untilMs }
  }

  /**
   * Returns a server's refusal of the connection. If commands must be signed, the returned refusal orders no
   * update.
   */
  heeded(refusal: Refuse): Refuse {
    const { state } = this.#options.current
    const isTrusted = state.from !== 'unreadable' && state.policy.signed_by.length === 0
    return isTrusted ? refusal : { ...refusal, update_to: undefined }
  }

  /**
   * For a command that this daemon did not receive itself, returns the time until which its result must be
   * kept, in ms since 1970; undefined if no signatures are needed.
   */
  untilOfOthers(): number | undefined {
    const { current, clock } = this.#options
    const { lastRead } = current
    const isSigned = lastRead.from === 'unreadable' || lastRead.policy.signed_by.length > 0
    return isSigned ? clock.now() + REPEATABLE_MS : undefined
  }

  #refusal({ type }: Command, message: string, remedy: string, path = 'signed_by') {
    return this.#options.counted(new CommandFailure('policy', message, { path, remedy }), type)
  }
}

/** Returns a command without its signature, which is no longer needed. */
function unsigned({ signed: _, ...command }: Command): Command {
  return command as Command
}
