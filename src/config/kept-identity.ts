import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import * as z from 'zod/mini'
import { readJson, writeAtomic } from '../platform/files.ts'
import { isOpenToOthers } from '../platform/sockets.ts'
import { lastingIdentity, systemId } from '../platform/system-id.ts'

/**
 * Content of the file next to a key's file. `machine_id` is the identity. The other fields show whether the
 * key was copied or passed on.
 */
const KeptIdentity = z.object({
  version: z.literal(1),
  machine_id: z.string().check(z.minLength(1), z.maxLength(128)),
  key_sha256: z.string(),
  /** State folder with the same identity. */
  state_dir: z.string(),
  /** Identity of the key's folder. A copy of the folder has a different identity. */
  folder: z.string(),
  /** Id of the installed system; absent if the system has no id. */
  system: z.optional(z.string()),
})

export interface KeyInPlace {
  key: string
  /** The file that holds the key. */
  file: string
}

/** Returns the path of the file that names a key's machine. This file is next to the key's file. */
export const besideKey = (file: string) => `${file}.machine`
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/**
 * Records, next to a key, the machine that connects with this key. Without this record, a machine that loses
 * its state folder would become a new machine.
 */
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
    // If others can write to the folder, a record in it cannot be trusted.
    if (isOpenToOthers(dir)) return
    const read = readJson(besideKey(file), KeptIdentity)
    if (read.ok && JSON.stringify(read.value) === JSON.stringify(record)) return
    writeAtomic(besideKey(file), JSON.stringify(record), { durable: true })
  } catch {
    // The disk is full or read-only. Without this file, only the state folder has the machine's identity.
  }
}

/** Returns the machine recorded next to a key; undefined if the key or its folder came from another place. */
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

/** Deletes the record: the next daemon takes its identity from the state folder, or is a new machine. */
export const forgetIdentity = (file: string) => rmSync(besideKey(file), { force: true })
