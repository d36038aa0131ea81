import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import * as z from 'zod/mini'
import { UserError } from '../../platform/errors.ts'
import { type ReadResult, readJson, writeAtomic } from '../../platform/files.ts'
import { peekRecord } from '../record.ts'

/** Maximum number of versions to remember. */
const REMEMBERED = 50

const ConfirmedVersion = z.object({
  version: z.string(),
  at: z.string(),
  /** SHA-256 of the version's program; undefined if it is not certain which program has run. */
  program_sha256: z.optional(z.string()),
  /**
   * True if the version ran on this machine, but it is not certain that a server welcomed it. A server may
   * not order a downgrade to such a version.
   */
  only_ran: z.optional(z.boolean()),
})
type ConfirmedVersion = z.infer<typeof ConfirmedVersion>

/**
 * Content of `confirmed.json` in the state folder. It is a separate file: versions that do not know this file
 * keep it unchanged.
 */
const ConfirmedFile = z.object({
  version: z.literal(1),
  versions: z.array(ConfirmedVersion),
  /** True if one more update from an insecure source, such as a remote registry without TLS, is allowed. */
  insecure_update_left: z.optional(z.boolean()),
})
type ConfirmedFile = z.infer<typeof ConfirmedFile>

const pathIn = (stateDir: string) => join(stateDir, 'confirmed.json')

function load(stateDir: string): ConfirmedFile {
  let read: ReadResult<ConfirmedFile>
  try {
    read = readJson(pathIn(stateDir), ConfirmedFile)
  } catch (error) {
    // Another user put the file there, so no version in it counts as confirmed.
    if (error instanceof UserError && error.code === 'not_plain') return { version: 1, versions: [] }
    throw error
  }
  const file = read.ok ? read.value : undefined
  const versions = [...(file?.versions ?? []), ...earlier(stateDir, file?.versions ?? [])]
  if (file) return { ...file, versions }
  return {
    version: 1,
    versions,
    // True on a machine that was set up before insecure updates were refused.
    insecure_update_left: !read.ok && read.reason === 'missing' && existsSync(join(stateDir, 'machine.json')),
  }
}

/**
 * Returns versions that the last update confirmed and that are not yet `known`. They can be missing in the
 * file if an older version made the update, because that version does not write the file.
 */
function earlier(stateDir: string, known: ConfirmedVersion[]): ConfirmedVersion[] {
  const record = peekRecord(stateDir)
  if (record?.outcome !== 'succeeded') return []
  const { from, to, origin, stage, trial, finished_at: at = record.started_at } = record
  // A daemon accepts orders only from a server that has welcomed it, and a successful trial ends with a
  // welcome. An update without a daemon has no trial.
  const welcomed = [origin === 'server' ? from : undefined, trial && stage === 'confirm' ? to : undefined]
  return welcomed.flatMap((version) =>
    version === undefined || known.some((each) => each.version === version) ? [] : [{ version, at }],
  )
}

const save = (stateDir: string, file: ConfirmedFile) =>
  writeAtomic(pathIn(stateDir), JSON.stringify(file), { durable: true })

/**
 * Creates `confirmed.json` from the records of earlier versions, if it is missing. Must be called before this
 * start gives a new machine its identity: afterwards, new and existing machines cannot be distinguished.
 */
export function beginConfirmed(stateDir: string) {
  try {
    if (!existsSync(pathIn(stateDir))) save(stateDir, load(stateDir))
  } catch {
    // If this file cannot be written, the identity cannot be written either. The next start then also counts
    // as the first start.
  }
}

/**
 * Returns the versions that a server has welcomed on this machine. The latest version is the last element.
 */
export const confirmedVersions = (stateDir: string): ConfirmedVersion[] =>
  load(stateDir).versions.filter(({ only_ran }) => !only_ran)

/** Reports whether exactly this program ran on this machine before an update replaced it. */
export const ranHere = (stateDir: string, version: string, sha256: string): boolean =>
  load(stateDir).versions.some((known) => known.version === version && known.program_sha256 === sha256)

interface Ran {
  version: string
  at: string
  /** Path of the program that ran, or of a copy of it. */
  program?: string | undefined
  /** True if a server has welcomed the version. */
  welcomed: boolean
}

/** Records a version that ran on this machine. @throws the system's error */
export async function confirm(stateDir: string, { version, at, program, welcomed }: Ran) {
  const program_sha256 = program === undefined ? undefined : await sha256Of(program)
  const file = load(stateDir)
  const before = file.versions.find((each) => each.version === version)
  const only_ran = !welcomed && (before === undefined || before.only_ran === true)
  // Do not record the version again: this function is called at each connection.
  if (before && before === file.versions.at(-1) && !before.only_ran && !program_sha256) return
  const { only_ran: _, ...known } = before ?? {}
  const entry = {
    ...known,
    version,
    at,
    ...(program_sha256 && { program_sha256 }),
    ...(only_ran && { only_ran }),
  }
  const versions = [...file.versions.filter((each) => each !== before), entry].slice(-REMEMBERED)
  save(stateDir, { ...file, versions })
}

/**
 * Reports whether this machine may still update once from a remote registry without TLS, or
 * with files that others can change.
 */
export const insecureUpdateLeft = (stateDir: string): boolean => load(stateDir).insecure_update_left === true

export const useInsecureUpdate = (stateDir: string) =>
  save(stateDir, { ...load(stateDir), insecure_update_left: false })

/** Returns a file's SHA-256 in hexadecimal. */
async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
