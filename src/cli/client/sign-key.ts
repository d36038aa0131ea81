import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import type { Signer } from '../../client/signer.ts'
import { isContainerSecret } from '../../config/key.ts'
import { reasonOf, UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { readAtMost } from '../../platform/read-at-most.ts'
import { shellWord } from '../../platform/shell-word.ts'
import { publicKeyText } from '../../policy/public-key.ts'
import { cleanLine } from '../render/clean.ts'
import { note } from '../terminal.ts'

/** Maximum size of a private key's file, in bytes. */
const FILE_BYTES = 8192

/** Default time for which a signed command is valid, in minutes. */
const SIGN_MINUTES = 10

export interface SignOptions {
  signKey?: string
  signMinutes?: number
}

/** Returns the signer that the flags or the environment name. @throws UserError if its key is unusable */
export function signerFrom({ signKey, signMinutes = SIGN_MINUTES }: SignOptions): Signer | undefined {
  const file = signKey ?? process.env.FOMULAR_SIGN_KEY
  if (!file) return undefined
  const key = readSignKey(file)
  const told = new Set<string>()
  return {
    key: publicKeyText(key),
    validMs: signMinutes * 60_000,
    async sign(bytes, machineId) {
      if (!told.has(machineId))
        note(`Signed for the machine ${cleanLine(machineId, 128)}, valid for ${signMinutes} min.`)
      told.add(machineId)
      return sign(null, bytes, key)
    },
  }
}

/** Reads a private key. Refuses a file that other users can read. @throws UserError */
export function readSignKey(file: string): KeyObject {
  const { text, mode } = read(file)
  if ((mode & 0o077) !== 0 && !isContainerSecret(file))
    throw unusable(`${file} can be read by other users.`, `Run chmod 600 ${shellWord(file)}.`)
  let key: KeyObject | undefined
  try {
    key = createPrivateKey(text)
  } catch {
    // The error may reveal parts of the key.
  }
  if (key?.asymmetricKeyType === 'ed25519') return key
  throw unusable(
    `${file} does not contain an unencrypted private Ed25519 key.`,
    'Make a key with `fomular-daemon key new`.',
  )
}

function read(file: string) {
  try {
    return readAtMost(file, FILE_BYTES)
  } catch (error) {
    throw unusable(
      `${file} cannot be read: ${reasonOf(error)}`,
      'Name the file that `fomular-daemon key new` has made.',
    )
  }
}

const unusable = (problem: string, remedy: string) =>
  new UserError('sign_key_unusable', `The key in ${problem}`, { remedy, exitCode: EXIT.usage })
