/**
 * Writes the list of keys that replaces the present release keys, signed by one of the present keys:
 *
 *     FOMULAR_RELEASE_KEY="$(cat present.pem)" node packaging/dev.mjs packaging/rotate.ts KEY.pem...
 *
 * Each KEY.pem holds an Ed25519 key; its public part is enough. Commit the files that this script writes to
 * packaging/keys.
 */
import { readFileSync } from 'node:fs'
import { addKeyList } from './keys.ts'
import { signer } from './signature.ts'

const pem = process.env.FOMULAR_RELEASE_KEY
const files = process.argv.slice(2)
if (!pem) throw new Error('Set FOMULAR_RELEASE_KEY to the present key, which signs the list.')
if (files.length === 0) throw new Error('Name the files of the new keys.')
console.log(
  addKeyList(
    signer(pem),
    files.map((file) => readFileSync(file, 'utf8')),
  ),
)
