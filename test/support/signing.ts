import { generateKeyPairSync, sign } from 'node:crypto'
import { type Signer, signCommand } from '../../src/client/signer.ts'
import { publicKeyText } from '../../src/policy/public-key.ts'
import type { Command } from '../../src/protocol/index.ts'

/** Returns the signing key of a person. */
export function person(validMs = 600_000): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return {
    key: publicKeyText(publicKey),
    validMs,
    sign: async (bytes) => sign(null, bytes, privateKey),
  }
}

/** Returns a command with the signature of `signer`, as a client sends it. */
export const signedBy = async <C extends Command>(
  signer: Signer,
  command: C,
  machineId: string,
): Promise<C> => ({
  ...command,
  signed: await signCommand(signer, command, machineId),
})
