import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import * as z from 'zod/mini'
import { readJson, writeAtomic } from '../platform/files.ts'
import { peekRecord } from './record.ts'

/** Versions that are remembered. */
const REMEMBERED = 50

const ConfirmedVersion = z.object({
  version: z.string(),
  at: z.string(),
  /** Of its program, where that is known to be the one that ran. */
  program_sha256: z.optional(z.string()),
})
type ConfirmedVersion = z.infer<typeof ConfirmedVersion>

/** `confirmed.json` in the state folder. A file of its own: a version that does not know it leaves it as it is. */
const ConfirmedFile = z.object({ version: z.literal(1), versions: z.array(ConfirmedVersion) })

const pathIn = (stateDir: string) => join(stateDir, 'confirmed.json')

/** Returns the versions that a server has welcomed from this machine, in the order in which they came. */
export function confirmedVersions(stateDir: string): ConfirmedVersion[] {
  const read = readJson(pathIn(stateDir), ConfirmedFile)
  if (read.ok) return read.value.versions
  // Written by a version that kept no list.
  const record = peekRecord(stateDir)
  if (record?.outcome !== 'succeeded' || record.to === undefined) return []
  const at = record.finished_at ?? record.started_at
  return [record.from, record.to].map((version) => ({ version, at }))
}

/**
 * Remembers a version that was confirmed.
 * @param program its program, as it ran
 * @throws the system's error
 */
export async function confirm(stateDir: string, { version, at }: ConfirmedVersion, program?: string) {
  const program_sha256 = program === undefined ? undefined : await sha256Of(program)
  const known = confirmedVersions(stateDir)
  const before = known.find((each) => each.version === version)
  // Said at each connection.
  if (before && before === known.at(-1) && program_sha256 === undefined) return
  const entry = { ...before, version, at, ...(program_sha256 !== undefined && { program_sha256 }) }
  const file: z.infer<typeof ConfirmedFile> = {
    version: 1,
    versions: [...known.filter((each) => each !== before), entry].slice(-REMEMBERED),
  }
  writeAtomic(pathIn(stateDir), JSON.stringify(file), { durable: true })
}

/** Returns a file's SHA-256 in hexadecimal. */
async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
