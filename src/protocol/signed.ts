import * as z from 'zod/mini'
import { Name } from './bounds.ts'
import { MachineId } from './ids.ts'
import { Limits } from './limits.ts'
import { secret } from './secrets.ts'

/**
 * A command as its author wrote and signed it. If the policy of the machine demands signatures, the machine
 * carries out the payload, not the fields outside the payload.
 */
export const Signed = z.object({
  /**
   * JSON of the command with all its ids and its `type`, and with the fields of `SignedFor`. Contains the command's
   * secrets.
   */
  payload: secret(z.string().check(z.maxLength(Limits.frame_bytes))),
  /** Ed25519 signature of the payload's UTF-8 bytes, in base64. */
  signature: Name,
  /** The author's public key: `ed25519:` and its 32 bytes in base64. */
  key: Name,
})
export type Signed = z.infer<typeof Signed>

/** The machine and the time in the payload of a signed command. */
export const SignedFor = z.object({
  machine_id: MachineId,
  /** Time from which the machine refuses the command (ISO 8601). */
  expires_at: Name,
})
export type SignedFor = z.infer<typeof SignedFor>
