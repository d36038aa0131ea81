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
  /** SHA-256 of its program, if that is certainly the program that ran. */
  program_sha256: z.optional(z.string()),
  /** True if it ran here, but no server is known to have welcomed it: a server may not order it. */
  only_ran: z.optional(z.boolean()),
})
type ConfirmedVersion = z.infer<typeof ConfirmedVersion>

/**
 * `confirmed.json` in the state folder. A separate file, so that versions without support
 * for it do not change it.
 */
const ConfirmedFile = z.object({
  version: z.literal(1),
  versions: z.array(ConfirmedVersion),
  /** True if one more update from an insecure source is allowed, such as a remote registry without TLS. */
  insecure_update_left: z.optional(z.boolean()),
})
type ConfirmedFile = z.infer<typeof ConfirmedFile>

const pathIn = (stateDir: string) => join(stateDir, 'confirmed.json')

function load(stateDir: string): ConfirmedFile {
  let read: ReadResult<ConfirmedFile>
  try {
    read = readJson(pathIn(stateDir), ConfirmedFile)
  } catch (error) {
    // Another user put it there, so nothing in it counts as confirmed.
    if (error instanceof UserError && error.code === 'not_plain') return { version: 1, versions: [] }
    throw error
  }
  const file = read.ok ? read.value : undefined
  const versions = [...(file?.versions ?? []), ...earlier(stateDir, file?.versions ?? [])]
  if (file) return { ...file, versions }
  return {
    version: 1,
    versions,
    // True on machines set up before such updates were refused.
    insecure_update_left: !read.ok && read.reason === 'missing' && existsSync(join(stateDir, 'machine.json')),
  }
}

/**
 * Returns versions that the last update confirmed and that are not yet `known`, because the version that made
 * the update may not keep such a file.
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
 * Creates the file if it is missing, from the records of earlier versions. Must be called before this start
 * gives a new machine its identity: after that, new and existing machines look alike.
 */
export function beginConfirmed(stateDir: string) {
  try {
    if (!existsSync(pathIn(stateDir))) save(stateDir, load(stateDir))
  } catch {
    // If this file cannot be written, the identity cannot be written either, so the next start counts as the
    // first.
  }
}

/** Returns the versions that a server has welcomed on this machine, the latest last. */
export const confirmedVersions = (stateDir: string): ConfirmedVersion[] =>
  load(stateDir).versions.filter(({ only_ran }) => !only_ran)

/** Reports whether exactly this program has run here and was followed by another version. */
export const ranHere = (stateDir: string, version: string, sha256: string): boolean =>
  load(stateDir).versions.some((known) => known.version === version && known.program_sha256 === sha256)

interface Ran {
  version: string
  at: string
  /** Path of the program that ran, or of a copy. */
  program?: string | undefined
  /** True if a server has welcomed it. */
  welcomed: boolean
}

/** Records a version that ran here. @throws the system's error */
export async function confirm(stateDir: string, { version, at, program, welcomed }: Ran) {
  const program_sha256 = program === undefined ? undefined : await sha256Of(program)
  const file = load(stateDir)
  const before = file.versions.find((each) => each.version === version)
  const only_ran = !welcomed && (before === undefined || before.only_ran === true)
  // The version is already recorded: this function is called at each connection.
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
