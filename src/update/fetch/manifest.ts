import * as z from 'zod/mini'
import { boundedJson } from '../../protocol/bounded-json.ts'
import { UpdateFailure } from '../failure.ts'
import { isSigned } from './minisign.ts'
import { keysFor } from './release-keys.ts'

/** Name of the manifest in each package of a release. The manifest's signature is in a file next to it. */
export const MANIFEST = 'manifest.json'
export const SIGNATURE = `${MANIFEST}.minisig`

/** An unpacked file. */
export interface UnpackedFile {
  /** Size in bytes. */
  size: number
  /** Hash in hexadecimal. */
  sha256: string
}

const Manifest = z.object({
  schema: z.literal(1),
  name: z.string(),
  version: z.string(),
  /** Time of the commit from which the release was built. */
  date: z.iso.datetime(),
  files: z.array(z.object({ name: z.string(), size: z.int(), sha256: z.string() })),
})

export interface Unpacked {
  files: ReadonlyMap<string, UnpackedFile>
  /** Returns a file of the package; undefined if the file is missing or too long. */
  read(path: string): Buffer | undefined
}

const REMEDY =
  'Do not install this package: someone may have tampered with it. Report the problem to the operator of the registry.'
const refuse = (message: string) =>
  new UpdateFailure('update_integrity', 'verify', message, { remedy: REMEDY })

/**
 * Checks that a release key has signed a package, and that the package contains exactly the signed files.
 * @param expected name and version that the package must have
 * @param known keys of this program
 * @returns the date of the release
 * @throws UpdateFailure
 */
export function checkManifest(
  { files, read }: Unpacked,
  expected: { name: string; version: string },
  known: readonly string[],
): { date: string } {
  const what = `${expected.name}@${expected.version}`
  const text = read(MANIFEST)
  const signature = read(SIGNATURE)
  if (!text || !signature)
    throw new UpdateFailure(
      'update_integrity',
      'verify',
      `${what} is not signed: it has no ${text ? SIGNATURE : MANIFEST}.`,
      {
        remedy:
          'Choose a signed release. To install an unsigned older release, use the installer with --version, or npm install --global.',
      },
    )
  if (!isSigned(text, signature.toString('utf8'), keysFor(known, read)))
    throw refuse(`${what} is not signed with a release key.`)
  const manifest = parse(text)
  if (!manifest) throw refuse(`The manifest of ${what} is invalid.`)
  const { name, version, date } = manifest
  if (name !== expected.name || version !== expected.version)
    throw refuse(`The package that was delivered as ${what} was signed as ${name}@${version}.`)
  const listed = new Map(manifest.files.map((file) => [file.name, file]))
  for (const [path, { size, sha256 }] of files) {
    if (path === MANIFEST || path === SIGNATURE) continue
    const known = listed.get(path)
    if (!known) throw refuse(`${what} has a file that is not in its manifest: ${path}`)
    if (known.size !== size || known.sha256 !== sha256)
      throw refuse(`${path} of ${what} does not match the manifest.`)
  }
  const missing = manifest.files.find((file) => !files.has(file.name))
  if (missing) throw refuse(`${what} lacks a file that is in its manifest: ${missing.name}`)
  return { date }
}

function parse(text: Buffer) {
  const parsed = Manifest.safeParse(boundedJson(text))
  return parsed.success ? parsed.data : undefined
}
