import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keyList, keyListText, keysIn } from '../src/update/fetch/release-keys.ts'
import { root } from './program.ts'
import { publicKeyOf, type Signer } from './signature.ts'

/** Folder of the key lists. Each list is signed by a key of the list before it. */
const KEYS = join(root, 'packaging/keys')

/** Returns the files of all lists, with their names in a release. */
export function keyLists(dir = KEYS): { name: string; text: string }[] {
  const files: { name: string; text: string }[] = []
  for (let number = 1; existsSync(join(dir, keyList(number))); number++)
    for (const name of [keyList(number), `${keyList(number)}.minisig`])
      files.push({ name, text: readFileSync(join(dir, name), 'utf8') })
  return files
}

/**
 * Returns the keys with which users verify a release.
 * @throws if the last list does not contain the release's public key
 */
export function releaseKeys({ publicKey }: Pick<Signer, 'publicKey'>, dir = KEYS): string[] {
  const last = keyLists(dir).at(-2)
  const keys = last ? (keysIn(last.text) ?? []) : [publicKey]
  if (!keys.includes(publicKey))
    throw new Error(`The last list in ${dir} does not name the key of this release, ${publicKey}.`)
  return keys
}

/**
 * Adds the list that replaces the present keys.
 * @param present key that signs the list
 * @param pems new keys, PEM; only their public parts are needed
 * @returns the path of the list
 */
export function addKeyList(present: Signer, pems: readonly string[], dir = KEYS): string {
  releaseKeys(present, dir)
  const text = keyListText(pems.map(publicKeyOf))
  const name = keyList(keyLists(dir).length / 2 + 1)
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, name), text)
  writeFileSync(join(dir, `${name}.minisig`), present.signature(Buffer.from(text), name))
  return join(dir, name)
}
