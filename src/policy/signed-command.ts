import { verify } from 'node:crypto'
import { boundedJson } from '../protocol/bounded-json.ts'
import { type Command, isCommand, parseFromServer, SignedFor } from '../protocol/index.ts'
import { check } from '../protocol/schema-check.ts'
import { publicKeyOf } from './public-key.ts'

/** Time for which a command is still accepted after `expires_at`, in ms, because clocks differ. */
const SKEW_MS = 2 * 60_000
/**
 * Maximum time from now to `expires_at`, in ms. The time is limited because a server could withhold a command
 * until then.
 */
const AHEAD_MS = 7 * 24 * 3_600_000
/**
 * Time, in ms, for which a repeat of a signed command is accepted after the command first arrived.
 */
export const REPEATABLE_MS = AHEAD_MS + 2 * SKEW_MS

export interface Expected {
  /** Public keys that the policy names. */
  keys: readonly string[]
  machineId: string
  /** Milliseconds since 1970. */
  now: number
  /**
   * Reports whether the machine has begun to carry out a command, so that repeating the command has no
   * further effect.
   */
  hasBegun(command: Command): boolean
}

export type Opened =
  /**
   * The command that its author signed. `untilMs`: time until which the signature is valid, in ms since 1970.
   */
  | { command: Command; untilMs: number; refused?: never }
  | { refused: string; remedy: string; command?: never }

const SIGN_AGAIN = 'Sign and send the command again.'

/** Returns the command that its author has signed, or why the machine refuses the command. */
export function openSigned(command: Command, { keys, machineId, now, hasBegun }: Expected): Opened {
  const { signed, type } = command
  if (!signed)
    return {
      refused: `The machine's policy demands that people sign commands, and ${type} arrived without a signature.`,
      remedy:
        'Run the command with --sign-key FILE. If it was signed, update the hub, because older hubs remove signatures.',
    }
  if (!keys.includes(signed.key))
    return {
      refused: `The command is signed with ${short(signed.key)}, which the machine's policy does not list.`,
      remedy: "Use another key, or have the machine's operator add this one to signed_by.",
    }
  const bytes = Buffer.from(signed.payload)
  const signature = Buffer.from(signed.signature, 'base64')
  if (!verify(null, bytes, publicKeyOf(signed.key), signature))
    return {
      refused: 'The signature does not match the command, so the command was changed after it was signed.',
      remedy: SIGN_AGAIN,
    }
  const read = parseFromServer(bytes)
  const facts = check(SignedFor, boundedJson(bytes))
  if (!read.ok || !isCommand(read.message) || !facts.success)
    return {
      refused: `The signed ${type} cannot be read${read.ok ? '' : `: ${read.error?.message ?? 'unknown type'}`}.`,
      remedy: 'Update this program or the daemon, whichever is older.',
    }
  const refused =
    elsewhere(command, read.message, facts.data.machine_id, machineId) ??
    unseen(read.message) ??
    (hasBegun(read.message) ? undefined : outOfTime(facts.data.expires_at, now))
  if (refused !== undefined) return { refused, remedy: SIGN_AGAIN }
  return { command: read.message, untilMs: Date.parse(facts.data.expires_at) + SKEW_MS }
}

/**
 * Returns why the signed command differs from the command that arrived, or was signed for another machine;
 * undefined if it matches.
 */
function elsewhere(command: Command, signed: Command, signedMachine: string, machineId: string) {
  if (signedMachine !== machineId) return 'The command is signed for another machine.'
  if (signed.type !== command.type) return `The signature is for ${signed.type}, not ${command.type}.`
  if (signed.command_id !== command.command_id) return 'The signature is for a command with another id.'
  if (agentOf(signed) !== agentOf(command)) return 'The command is signed for another agent.'
  return undefined
}

/**
 * Returns why a signed approval is refused; undefined if it is accepted. An approval must name the tool and
 * the input, because the server could have shown the person a different request.
 */
function unseen(signed: Command) {
  if (signed.type !== 'agent:permission' || signed.decision === 'deny') return undefined
  if (signed.tool !== undefined && signed.input !== undefined) return undefined
  return 'The signed approval does not name the tool and the input that it permits.'
}

const agentOf = (command: Command) => ('agent_id' in command ? command.agent_id : undefined)

function outOfTime(expiresAt: string, now: number): string | undefined {
  const left = Date.parse(expiresAt) - now
  const here = `by this machine's clock it is ${new Date(now).toISOString()}`
  if (Number.isNaN(left)) return 'The signed command has no valid expires_at.'
  if (left < -SKEW_MS)
    return `The signed command has expired at ${new Date(now + left).toISOString()}; ${here}.`
  if (left > AHEAD_MS + SKEW_MS)
    return `The signed command expires more than ${AHEAD_MS / 86_400_000} days from now; ${here}.`
  return undefined
}

/** Returns only the beginning of a key, because the key is untrusted and may be long. */
const short = (key: string) => key.slice(0, 24)
