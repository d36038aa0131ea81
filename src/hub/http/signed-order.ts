import { isDeepStrictEqual } from 'node:util'
import { boundedJson } from '../../protocol/bounded-json.ts'
import { type Command, Commands } from '../../protocol/index.ts'
import { check } from '../../protocol/schema-check.ts'
import { HttpError } from '../http-error.ts'

/**
 * Refuses a signed command that differs from the command in its payload: the machine carries out the command
 * in the payload, but the audit log records the other command. Only the machine checks the signature.
 * @throws HttpError
 */
export function checkSigned(command: Command) {
  if (!command.signed) return
  const payload = check(Commands[command.type], boundedJson(command.signed.payload))
  if (payload.success && isDeepStrictEqual(plain(payload.data), plain(command))) return
  throw new HttpError(400, 'invalid_command', 'The signed payload and the request are different commands.', {
    path: 'signed.payload',
    remedy: 'Send the same fields in both, and name command_id, agent_id, and machine_id.',
  })
}

/** Returns a command as plain JSON, without `by` and `signed`. */
const plain = ({ by: _, signed: __, ...fields }: Command) => JSON.parse(JSON.stringify(fields))
