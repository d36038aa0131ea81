import * as z from 'zod/mini'
import { boundedJson } from '../protocol/bounded-json.ts'
import { UpdateFailure } from './failure.ts'
import { isSigned } from './minisign.ts'
import { keysFor } from './release-keys.ts'

/** In each package of a release, and beside it its signature. */
export const MANIFEST = 'manifest.json'
export const SIGNATURE = `${MANIFEST}.minisig`

/** A file as it was unpacked. */
export interface UnpackedFile {
  /** Bytes. */
  size: number
  /** Hexadecimal. */
  sha256: string
}

const Manifest = z.object({
  schema: z.literal(1),
  name: z.string(),
  version: z.string(),
  /** When the sources were committed. */
  date: z.iso.datetime(),
  files: z.array(z.object({ name: z.string(), size: z.int(), sha256: z.string() })),
})

export interface Unpacked {
  files: ReadonlyMap<string, UnpackedFile>
  /** Returns a file of the package; undefined where there is none, or one that is too long for its purpose. */
  read(path: string): Buffer | undefined
}

const REMEDY = 'Do not install it: somebody may have changed it. Tell whoever runs the registry.'
const refuse = (message: string) =>
  new UpdateFailure('update_integrity', 'verify', message, { remedy: REMEDY })

/**
 * Checks that one of the release keys has signed a package, with every file in it and no other.
 * @param expected what the package must be
 * @param known keys of this program
 * @returns when it was made
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
          'Take a signed release. To install one from before there were signatures, do it without this program: with the installer and --version, or with npm install --global.',
      },
    )
  if (!isSigned(text, signature.toString('utf8'), keysFor(known, read)))
    throw refuse(`${what} is not signed by a key that releases are signed with.`)
  const manifest = parse(text)
  if (!manifest) throw refuse(`The manifest of ${what} cannot be read.`)
  const { name, version, date } = manifest
  if (name !== expected.name || version !== expected.version)
    throw refuse(`What is delivered as ${what} was signed as ${name}@${version}.`)
  const listed = new Map(manifest.files.map((file) => [file.name, file]))
  for (const [path, { size, sha256 }] of files) {
    if (path === MANIFEST || path === SIGNATURE) continue
    const known = listed.get(path)
    if (!known) throw refuse(`${what} has a file that is not in its manifest: ${path}`)
    if (known.size !== size || known.sha256 !== sha256)
      throw refuse(`${path} of ${what} is not what its manifest says.`)
  }
  const missing = manifest.files.find((file) => !files.has(file.name))
  if (missing) throw refuse(`${what} lacks a file of its manifest: ${missing.name}`)
  return { date }
}

function parse(text: Buffer) {
  const parsed = Manifest.safeParse(boundedJson(text))
  return parsed.success ? parsed.data : undefined
}
