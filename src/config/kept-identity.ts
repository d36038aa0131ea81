import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import * as z from 'zod/mini'
import { readJson, writeAtomic } from '../platform/files.ts'
import { isOpenToOthers } from '../platform/sockets.ts'
import { lastingIdentity, systemId } from '../platform/system-id.ts'

/** The file beside a key's file. The key may change hands, or be copied: the facts besides the id tell whether it has. */
const KeptIdentity = z.object({
  version: z.literal(1),
  machine_id: z.string().check(z.minLength(1), z.maxLength(128)),
  key_sha256: z.string(),
  /** The state folder that says the same. */
  state_dir: z.string(),
  /** Of the key's folder, which a copy of it does not share. */
  folder: z.string(),
  /** Of the installed system; absent where it has none. */
  system: z.optional(z.string()),
})

export interface KeyInPlace {
  key: string
  /** The file that holds the key. */
  file: string
}

/** Where it is said beside a key's file which machine has it. */
export const besideKey = (file: string) => `${file}.machine`
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** Says beside a key which machine connects with it, so that this machine is the same again where its state folder is lost. */
export function keepIdentity({ key, file }: KeyInPlace, machine_id: string, stateDir: string) {
  const dir = dirname(resolve(file))
  const system = systemId()
  const record: z.infer<typeof KeptIdentity> = {
    version: 1,
    machine_id,
    key_sha256: sha256(key),
    state_dir: resolve(stateDir),
    folder: lastingIdentity(dir) ?? '',
    ...(system !== undefined && { system }),
  }
  try {
    // What others can write to says nothing that could be believed.
    if (isOpenToOthers(dir)) return
    const read = readJson(besideKey(file), KeptIdentity)
    if (read.ok && JSON.stringify(read.value) === JSON.stringify(record)) return
    writeAtomic(besideKey(file), JSON.stringify(record), { durable: true })
  } catch {
    // A disk that is full or read-only: without it the machine is what its state folder says.
  }
}

/** The machine that connects with a key, as it was last said beside it; undefined where key or folder came from elsewhere. */
export function keptIdentity({
  key,
  file,
}: KeyInPlace): { machine_id: string; state_dir: string } | undefined {
  const dir = dirname(resolve(file))
  let read: ReturnType<typeof readJson<z.infer<typeof KeptIdentity>>>
  try {
    if (isOpenToOthers(dir)) return undefined
    read = readJson(besideKey(file), KeptIdentity)
  } catch {
    return undefined
  }
  if (!read.ok) return undefined
  const { machine_id, key_sha256, state_dir, folder, system } = read.value
  if (key_sha256 !== sha256(key) || folder !== lastingIdentity(dir) || system !== systemId()) return undefined
  return { machine_id, state_dir }
}

/** The next daemon is what its state folder says, or a new machine. */
export const forgetIdentity = (file: string) => rmSync(besideKey(file), { force: true })
