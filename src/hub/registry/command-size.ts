import { type Command, Limits } from '../../protocol/index.ts'
import { HttpError } from '../http-error.ts'

/** Returns the size of a command as JSON, in bytes. */
export const bytesOf = (command: Command) => Buffer.byteLength(JSON.stringify(command))

/**
 * Returns the size of a command. Refuses a command that is too large to send: each time the hub sends it, the
 * connection would break.
 * @throws HttpError
 */
export function sendableBytes(command: Command): number {
  let bytes: number
  try {
    bytes = bytesOf(command)
  } catch {
    throw new HttpError(400, 'invalid_command', 'The command is nested too deeply.')
  }
  if (bytes > Limits.frame_bytes)
    throw new HttpError(
      413,
      'too_large',
      `The command is too large: its message has ${bytes} bytes, at most ${Limits.frame_bytes} are allowed.`,
    )
  return bytes
}
