import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import * as z from 'zod/mini'
import { UserError } from '../platform/errors.ts'
import { type ReadResult, readJson, writeAtomic } from '../platform/files.ts'
import { peekRecord } from './record.ts'

/** Versions that are remembered. */
const REMEMBERED = 50

const ConfirmedVersion = z.object({
  version: z.string(),
  at: z.string(),
  /** Of its program, where that is known to be the one that ran. */
  program_sha256: z.optional(z.string()),
  /** It ran here, and no server is known to have welcomed it: a server may not order it. */
  only_ran: z.optional(z.boolean()),
})
type ConfirmedVersion = z.infer<typeof ConfirmedVersion>

/** `confirmed.json` in the state folder. A file of its own: a version that does not know it leaves it as it is. */
const ConfirmedFile = z.object({
  version: z.literal(1),
  versions: z.array(ConfirmedVersion),
  /** The machine may be updated once more from where others can decide what comes: beyond it without TLS, for one. */
  insecure_update_left: z.optional(z.boolean()),
})
type ConfirmedFile = z.infer<typeof ConfirmedFile>

const pathIn = (stateDir: string) => join(stateDir, 'confirmed.json')

function load(stateDir: string): ConfirmedFile {
  let read: ReadResult<ConfirmedFile>
  try {
    read = readJson(pathIn(stateDir), ConfirmedFile)
  } catch (error) {
    // Another user has put it there: this machine has confirmed nothing that it knows of.
    if (error instanceof UserError && error.code === 'not_plain') return { version: 1, versions: [] }
    throw error
  }
  const file = read.ok ? read.value : undefined
  const versions = [...(file?.versions ?? []), ...earlier(stateDir, file?.versions ?? [])]
  if (file) return { ...file, versions }
  return {
    version: 1,
    versions,
    // A machine that was there before such updates were refused.
    insecure_update_left: !read.ok && read.reason === 'missing' && existsSync(join(stateDir, 'machine.json')),
  }
}

/** Versions that are not among those `known`, by the last update: a version that keeps no such file may have made it. */
function earlier(stateDir: string, known: ConfirmedVersion[]): ConfirmedVersion[] {
  const record = peekRecord(stateDir)
  if (record?.outcome !== 'succeeded') return []
  const { from, to, origin, stage, trial, finished_at: at = record.started_at } = record
  // A daemon takes orders only from a server that has welcomed it, and a trial that succeeds ends with a welcome. An
  // update without a daemon has no trial.
  const welcomed = [origin === 'server' ? from : undefined, trial && stage === 'confirm' ? to : undefined]
  return welcomed.flatMap((version) =>
    version === undefined || known.some((each) => each.version === version) ? [] : [{ version, at }],
  )
}

const save = (stateDir: string, file: ConfirmedFile) =>
  writeAtomic(pathIn(stateDir), JSON.stringify(file), { durable: true })

/**
 * Makes the file where there is none, by what versions before it have left. Called before this start gives a new machine
 * its identity: from then on, a new machine and one that was there before look alike.
 */
export function beginConfirmed(stateDir: string) {
  try {
    if (!existsSync(pathIn(stateDir))) save(stateDir, load(stateDir))
  } catch {
    // A disk that does not take it takes no identity either: the next start is the first.
  }
}

/** Returns the versions that a server has welcomed on this machine, in the order in which they came. */
export const confirmedVersions = (stateDir: string): ConfirmedVersion[] =>
  load(stateDir).versions.filter(({ only_ran }) => !only_ran)

/** Whether this very program has run here, and was followed by another version. */
export const ranHere = (stateDir: string, version: string, sha256: string): boolean =>
  load(stateDir).versions.some((known) => known.version === version && known.program_sha256 === sha256)

interface Ran {
  version: string
  at: string
  /** Its program, as it ran. */
  program?: string | undefined
  /** Whether a server has welcomed it. */
  welcomed: boolean
}

/** Remembers a version that ran here. @throws the system's error */
export async function confirm(stateDir: string, { version, at, program, welcomed }: Ran) {
  const program_sha256 = program === undefined ? undefined : await sha256Of(program)
  const file = load(stateDir)
  const before = file.versions.find((each) => each.version === version)
  const only_ran = !welcomed && (before === undefined || before.only_ran === true)
  // Said at each connection.
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

/** Whether this machine may still be updated from a registry beyond it that has no TLS, or by files open to others. */
export const insecureUpdateLeft = (stateDir: string): boolean => load(stateDir).insecure_update_left === true

export const useInsecureUpdate = (stateDir: string) =>
  save(stateDir, { ...load(stateDir), insecure_update_left: false })

/** Returns a file's SHA-256 in hexadecimal. */
async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
