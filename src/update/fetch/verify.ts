import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { UpdateFailure } from '../failure.ts'
import type { Release } from './package-facts.ts'

const refuse = (message: string) => new UpdateFailure('update_integrity', 'verify', message)

/** Checks the packed file of a package against the hash from the registry. @throws UpdateFailure */
export async function checkIntegrity(tarball: string, { dist }: Release): Promise<void> {
  // `integrity` may have several hashes; npm adds a sha512 to every package.
  const [, expected] = /(?:^|\s)sha512-([A-Za-z0-9+/]+=*)/.exec(dist.integrity) ?? []
  if (expected === undefined) throw refuse('The registry has no sha512 for this package.')
  const hash = createHash('sha512')
  await pipeline(createReadStream(tarball), hash)
  const actual = hash.digest('base64')
  if (actual !== expected)
    throw refuse(`The package does not match the registry's hash: its sha512 is ${actual}, not ${expected}.`)
}
