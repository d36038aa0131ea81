import { createHash, createPublicKey, createVerify } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import * as z from 'zod/mini'
import { UpdateFailure } from './failure.ts'
import type { Source } from './npm.ts'
import type { Release } from './package-facts.ts'
import { fetchJson } from './registry.ts'

const Keys = z.object({
  keys: z.array(
    z.object({
      keyid: z.string(),
      /** SubjectPublicKeyInfo, base64 of DER. */
      key: z.string(),
      expires: z.optional(z.nullable(z.string())),
    }),
  ),
})

const refuse = (message: string, remedy?: string) =>
  new UpdateFailure('update_integrity', 'verify', message, remedy === undefined ? {} : { remedy })

/** Checks a package, packed, against the registry's word for it. @throws UpdateFailure */
export async function checkIntegrity(tarball: string, { dist }: Release): Promise<void> {
  // Several hashes may be there; sha512 is the one npm gives to every package.
  const [, expected] = /(?:^|\s)sha512-([A-Za-z0-9+/]+=*)/.exec(dist.integrity) ?? []
  if (expected === undefined) throw refuse('The registry gives no sha512 for this package.')
  const hash = createHash('sha512')
  await pipeline(createReadStream(tarball), hash)
  const actual = hash.digest('base64')
  if (actual !== expected)
    throw refuse(
      `The package is not the one the registry promises: its sha512 is ${actual}, not ${expected}.`,
    )
}

/** Checks that the registry's word for a package carries a signature by one of the registry's keys. @throws UpdateFailure */
export async function checkSignature({ name, version, dist, published }: Release, source: Source) {
  const policy = 'The policy of this machine asks for signed releases (signatures under [update]).'
  if (!dist.signatures?.length) throw refuse(`${name}@${version} is not signed.`, policy)
  const answer = Keys.safeParse(await fetchJson('/-/npm/v1/keys', source, 'verify'))
  if (!answer.success) throw refuse('The registry gives no keys to check signatures with.', policy)
  const text = `${name}@${version}:${dist.integrity}`
  for (const { keyid, sig } of dist.signatures) {
    const known = answer.data.keys.find((key) => key.keyid === keyid)
    if (!known) continue
    // Of a release from before its end, the signature of an expired key holds.
    if (known.expires && Date.parse(published ?? new Date().toISOString()) > Date.parse(known.expires))
      continue
    const key = createPublicKey({ key: Buffer.from(known.key, 'base64'), format: 'der', type: 'spki' })
    if (createVerify('SHA256').update(text).verify(key, sig, 'base64')) return
    throw refuse(`The signature of ${name}@${version} is wrong: the registry's key ${keyid} did not make it.`)
  }
  throw refuse(`${name}@${version} is signed by none of the registry's keys that are valid.`, policy)
}
