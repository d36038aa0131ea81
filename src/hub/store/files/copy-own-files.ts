import { cpSync, existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { hubFiles } from '../../../config/hub.ts'
import { UserError } from '../../../platform/errors.ts'
import { EXIT } from '../../../platform/exit-codes.ts'
import { syncFolder, writeAtomic } from '../../../platform/files.ts'

/** Folder with the releases in a hub's folder. */
const RELEASES = 'releases'

/** Reports whether a folder contains the hub's own keys, which no store contains. */
export const hasOwnKeys = (dir: string) => ownKeys(dir).every((path) => existsSync(path))

/**
 * Copies the hub's own keys and the releases from one folder of a hub to another, which this process has locked.
 * Replaces nothing.
 * @throws UserError if there are no keys
 */
export function copyOwnFiles(from: string, to: string) {
  if (!hasOwnKeys(from))
    throw new UserError('keys_missing', `There are no keys of a hub in ${from}.`, {
      remedy: 'Name the folder of the hub that used the database.',
      exitCode: EXIT.refused,
    })
  const targets = ownKeys(to)
  for (const [n, path] of ownKeys(from).entries())
    if (!existsSync(targets[n]!)) writeAtomic(targets[n]!, readFileSync(path, 'utf8'), { durable: true })
  const releases = join(to, RELEASES)
  if (!existsSync(join(from, RELEASES)) || existsSync(releases)) return
  const temp = `${releases}.${process.pid}.tmp`
  cpSync(join(from, RELEASES), temp, { recursive: true, verbatimSymlinks: true })
  renameSync(temp, releases)
  syncFolder(to)
}

const ownKeys = (dir: string) => {
  const { machineKey, userKey } = hubFiles(dir)
  return [machineKey, userKey]
}
