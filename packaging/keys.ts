import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { keyList, keysIn } from '../src/update/release-keys.ts'
import { root } from './program.ts'
import type { Signer } from './signature.ts'

/** Lists of keys that have followed each other, each signed by a key of the one before. */
export const KEYS = join(root, 'packaging/keys')

/** Files of all lists, by their names in a release. */
export function keyLists(): { name: string; text: string }[] {
  const files: { name: string; text: string }[] = []
  for (let number = 1; existsSync(join(KEYS, keyList(number))); number++)
    for (const name of [keyList(number), `${keyList(number)}.minisig`])
      files.push({ name, text: readFileSync(join(KEYS, name), 'utf8') })
  return files
}

/**
 * Returns the keys that a release is checked with by those who have it.
 * @throws for a key that the last list does not name
 */
export function releaseKeys({ publicKey }: Signer): string[] {
  const last = keyLists().at(-2)
  const keys = last ? (keysIn(last.text) ?? []) : [publicKey]
  if (!keys.includes(publicKey))
    throw new Error(
      `The last list in packaging/keys does not name the key of FOMULAR_RELEASE_KEY, ${publicKey}.`,
    )
  return keys
}
