/**
 * Makes the list of release keys that follows the present ones, signed by one of those:
 *
 *     FOMULAR_RELEASE_KEY="$(cat present.pem)" node packaging/dev.mjs packaging/rotate.ts KEY.pem...
 *
 * Each file has an Ed25519 key, of which the public part is enough. Commit what this writes to packaging/keys.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keyList, keyListText } from '../src/update/release-keys.ts'
import { KEYS, keyLists, releaseKeys } from './keys.ts'
import { publicKeyOf, signer } from './signature.ts'

const pem = process.env.FOMULAR_RELEASE_KEY
const files = process.argv.slice(2)
if (!pem) throw new Error('Give the present key in FOMULAR_RELEASE_KEY: it signs the list.')
if (files.length === 0) throw new Error('Name the files with the keys that are to be used from now on.')

const present = signer(pem)
releaseKeys(present)
const keys = files.map((file) => publicKeyOf(readFileSync(file, 'utf8')))
const text = keyListText(keys)
const name = keyList(keyLists().length / 2 + 1)
mkdirSync(KEYS, { recursive: true })
writeFileSync(join(KEYS, name), text)
writeFileSync(join(KEYS, `${name}.minisig`), present.signature(Buffer.from(text), name))
console.log(`${join(KEYS, name)}: ${keys.join(' ')}`)
