import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { judgeFolder } from '../../config/ownership-policy.ts'
import type { StatePaths } from '../../config/paths.ts'
import { foreignError } from '../../config/refuse-foreign.ts'
import { diskSpace } from '../../platform/disk.ts'
import { UserError } from '../../platform/errors.ts'
import { nameOf } from '../../platform/lock.ts'
import { isElsewhere, livingHolder } from '../../platform/lock-holder.ts'
import { orUndefined } from '../../platform/or-undefined.ts'
import type { OwnershipFault } from '../../platform/ownership.ts'
import { holderOf } from '../../service/find-daemons.ts'
import { handoverFaults } from '../../update/switch/handover.ts'
import type { DaemonStatus } from '../client/control-client.ts'
import type { Finding } from '../render/finding.ts'
import { bytes } from '../render/units.ts'
import { environmentFaults } from '../start/environment-faults.ts'

/** Limits of free disk space, as in the daemon: below `low` it warns, below `full` it starts no agents. */
const DISK_BYTES = { low: 1024 * 1024 * 1024, full: 200 * 1024 * 1024 }

const ok = (check: string, message: string): Finding => ({ check, level: 'ok', message })
const warning = (check: string, message: string, remedy: string): Finding => ({
  check,
  level: 'warning',
  message,
  remedy,
})
const failure = (check: string, message: string, remedy: string): Finding => ({
  check,
  level: 'error',
  message,
  remedy,
})

/**
 * Reports how other users could change the state folder and its files.
 * @param user uid of the running daemon
 */
export function checkModes(
  { dir }: StatePaths,
  faults: OwnershipFault[],
  strict: boolean,
  user?: number,
): Finding[] {
  const options = { faults, strict, ...(user !== undefined && { user }) }
  const { refused, tolerated } = judgeFolder(dir, options)
  return [
    ...refused.map(foreignError).map(({ message, remedy = '' }) => failure('modes', message, remedy)),
    ...tolerated.map((fault) => warning('modes', `${fault.message}.`, later(fault, strict))),
    ...handover(dir, user),
  ]
}

/**
 * Reports how other users could change programs and certificates outside of the state folder.
 * @param env environment of the running daemon, or of a daemon that would be started here
 */
export const checkSurroundings = (env: NodeJS.ProcessEnv, user?: number): Finding[] =>
  environmentFaults(env, user).map(({ message, remedy }) => warning('modes', `${message}.`, remedy))

const later = ({ remedy }: OwnershipFault, strict: boolean) =>
  `Run ${remedy}${strict ? ' before the next update: the next version refuses to start otherwise.' : ''}`

/** Returns nothing for another user's folder that this user may not read. */
function handover(dir: string, user?: number): Finding[] {
  try {
    return handoverFaults(dir, user)
      .map(foreignError)
      .map(({ message, remedy = '' }) => warning('modes', message, remedy))
  } catch (error) {
    if (error instanceof UserError) return []
    throw error
  }
}

/** Checks that the state folder belongs to this user alone, is writable, and has no damaged files. */
export async function checkFolder({ dir, agents }: StatePaths): Promise<Finding[]> {
  if (!existsSync(dir)) {
    const parent = nearest(dir)
    return [
      isWritable(parent)
        ? ok('state', `State folder ${dir}: created at the first start`)
        : failure(
            'state',
            `The state folder ${dir} cannot be created: ${parent} is not writable.`,
            'Name a folder that this user can write to (FOMULAR_STATE_DIR).',
          ),
    ]
  }
  const { mode, uid } = statSync(dir)
  const findings: Finding[] = []
  const isOwn = !process.getuid || [0, uid].includes(process.getuid())
  // A volume that belongs to root may be writable for its group.
  if (!isOwn && !(uid === 0 && isWritable(dir)))
    findings.push(
      failure(
        'state',
        `The state folder ${dir} belongs to another user.`,
        'Run this as that user, or use another folder (FOMULAR_STATE_DIR).',
      ),
    )
  else if (!isWritable(dir))
    findings.push(failure('state', `The state folder ${dir} is not writable.`, `chmod u+rwx ${dir}`))
  if (isOwn && (mode & 0o077) !== 0)
    findings.push(warning('state', `Other users can read the state folder ${dir}.`, `chmod 700 ${dir}`))
  const damaged = [dir, agents].flatMap((folder) =>
    namesIn(folder).filter((name) => name.includes('.damaged-')),
  )
  if (damaged.length > 0)
    findings.push(
      warning(
        'state',
        `Damaged files were renamed: ${damaged.join(', ')}`,
        'Look at them, then delete them.',
      ),
    )
  return findings.length > 0 ? findings : [ok('state', `State folder ${dir}`)]
}

/** Reports which daemon uses the state folder, and whether this daemon answers. */
export async function checkLock(paths: StatePaths, daemon: DaemonStatus | undefined): Promise<Finding[]> {
  if (daemon) return [ok('daemon', `The daemon runs: process ${daemon.pid}, version ${daemon.version}`)]
  const holder = holderOf(paths)
  if (holder)
    return [
      failure(
        'daemon',
        `The daemon, process ${holder.pid}, does not answer.`,
        'The daemon may be starting or stopping: try again. See `fomular-daemon logs`.',
      ),
    ]
  const elsewhere = holderElsewhere(paths)
  if (elsewhere)
    return [
      warning(
        'daemon',
        `The state folder is in use by ${nameOf(elsewhere)}, which does not answer here.`,
        'Look for that daemon on its own machine or in its own container. If it no longer runs, start the daemon here: it waits some seconds for an answer, and then takes over the state folder.',
      ),
    ]
  return [ok('daemon', 'No daemon uses this state folder')]
}

/** Returns nothing for another user's folder that this user may not read. */
function holderElsewhere({ lock }: StatePaths) {
  try {
    const holder = livingHolder(lock)
    return holder && isElsewhere(holder) ? holder : undefined
  } catch {
    return undefined
  }
}

export async function checkDisk({ dir }: StatePaths): Promise<Finding[]> {
  const { available_bytes } = diskSpace(nearest(dir))
  const message = `${bytes(available_bytes)} free on the disk of the state folder`
  const remedy = 'Free space, or move the state folder to another disk (FOMULAR_STATE_DIR).'
  if (available_bytes < DISK_BYTES.full)
    return [failure('disk', `Only ${message}: no agents are started.`, remedy)]
  return [available_bytes < DISK_BYTES.low ? warning('disk', `Only ${message}`, remedy) : ok('disk', message)]
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

const namesIn = (path: string) => orUndefined(() => readdirSync(path)) ?? []

/** Returns the folder, or the nearest folder above it that exists. */
const nearest = (path: string): string => (existsSync(path) ? path : nearest(dirname(path)))
