import type { Command, Signed } from '../protocol/index.ts'

/** Signs commands with a person's key. In a web page, `sign` can be `crypto.subtle.sign` with Ed25519. */
export interface Signer {
  /** Public key: `ed25519:`, followed by the 32 bytes of the key in base64. */
  key: string
  /** Time for which a signed command is valid, in ms. */
  validMs: number
  /** Returns the Ed25519 signature of a command for this machine. */
  sign(bytes: Uint8Array, machineId: string): Promise<Uint8Array>
}

/** A command as its author wrote it: absent fields get no defaults. */
export type Written = Pick<Command, 'type' | 'command_id'> & { agent_id?: string }

/** Signs a command for one machine. */
export async function signCommand(signer: Signer, command: Written, machine_id: string): Promise<Signed> {
  const expires_at = new Date(Date.now() + signer.validMs).toISOString()
  const payload = JSON.stringify({ ...command, machine_id, expires_at })
  const signature = await signer.sign(new TextEncoder().encode(payload), machine_id)
  return { payload, signature: btoa(String.fromCharCode(...signature)), key: signer.key }
}
