/**
 * Makes the list of release keys that follows the present ones, signed by one of those:
 *
 *     FOMULAR_RELEASE_KEY="$(cat present.pem)" node packaging/dev.mjs packaging/rotate.ts KEY.pem...
 *
 * Each file has an Ed25519 key, of which the public part is enough. Commit what this writes to packaging/keys.
 */
import { readFileSync } from 'node:fs'
import { addKeyList } from './keys.ts'
import { signer } from './signature.ts'

const pem = process.env.FOMULAR_RELEASE_KEY
const files = process.argv.slice(2)
if (!pem) throw new Error('Give the present key in FOMULAR_RELEASE_KEY: it signs the list.')
if (files.length === 0) throw new Error('Name the files with the keys that count from now on.')
console.log(
  addKeyList(
    signer(pem),
    files.map((file) => readFileSync(file, 'utf8')),
  ),
)
