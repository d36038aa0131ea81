import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { groupFolder, writeGroupFile } from '../platform/control-groups.ts'
import { orUndefined } from '../platform/or-undefined.ts'
import { type UnitPlace, unitOf } from './cgroup.ts'
import { systemctl } from './systemctl.ts'

/**
 * Name of the control group of the daemon itself. It is inside the group of the daemon's unit
 * (`DelegateSubgroup=`), or inside a group that no systemd manages.
 */
export const DAEMON_GROUP = 'daemon'
/** Name of the folder for this program's groups inside a group that no systemd manages. */
const OURS = 'fomular-daemon'
/** Controllers that this program uses if they are available. */
const CONTROLLERS = ['memory', 'pids', 'cpu']
/** Maximum wait for an answer from systemd, in ms. */
const ANSWER_MS = 5000

export interface DelegatedGroup {
  /** Folder in which this program may make groups. */
  base: string
  /** Folder of the control group of this process. */
  own: string
}

/**
 * Returns the control group in which this process may make further groups. This is the group of its unit if
 * the unit has `Delegate=yes`, or a group that no systemd manages, such as a container's. Undefined if there
 * is no such group.
 */
export async function delegatedGroup(
  env: NodeJS.ProcessEnv,
  own: string | undefined = groupFolder('self'),
  shown: (place: UnitPlace) => Promise<string | undefined> = (place) =>
    systemctl(place, env, ['show', '--property=Delegate', '--value', `${place.name}.service`], ANSWER_MS),
): Promise<DelegatedGroup | undefined> {
  if (own === undefined || /\.(scope|slice)$/.test(own)) return undefined
  if (basename(own) === DAEMON_GROUP && isWritable(dirname(own))) return { base: dirname(own), own }
  if (!isWritable(own)) return undefined
  if (!own.endsWith('.service')) return { base: join(own, OURS), own }
  const place = unitOf(own)
  // A delegated group belongs to the unit's user, so an ordinary user can write to it. Root, and services of
  // a user's systemd, can also write to groups that are not delegated.
  const isGiven = place?.scope === 'system' && process.getuid?.() !== 0
  const isDelegated = isGiven || (place && (await shown(place))?.trim() === 'yes')
  return isDelegated ? { base: own, own } : undefined
}

const isWritable = (folder: string) =>
  orUndefined(() => {
    for (const path of [folder, join(folder, 'cgroup.procs')]) accessSync(path, constants.W_OK)
    return true
  }) ?? false

/**
 * Creates the folder for groups of agents.
 * @returns the folder, and the controllers that limit the groups in it
 * @throws the system error
 */
export function openGroups({ base, own }: DelegatedGroup): { dir: string; controllers: string[] } {
  const dir = join(base, 'agents')
  mkdirSync(dir, { recursive: true })
  // A group with controllers can have processes or groups, but not both. systemd before version 254 starts
  // each daemon directly in the group of the unit. If this group had controllers, systemd could not start the
  // next daemon there, so no controllers are used.
  if (base !== own) {
    const outer = dirname(base) === own ? [own] : []
    if (outer.length > 0 && CONTROLLERS.some((name) => isListed(name, own, 'cgroup.controllers')))
      orUndefined(() => moveTo(join(base, DAEMON_GROUP)))
    for (const folder of [...outer, base, dir])
      for (const name of CONTROLLERS)
        orUndefined(() => writeGroupFile(join(folder, 'cgroup.subtree_control'), `+${name}`))
  }
  return { dir, controllers: CONTROLLERS.filter((name) => isListed(name, dir, 'cgroup.subtree_control')) }
}

/** Moves this process to a control group. @throws the system error */
function moveTo(folder: string) {
  mkdirSync(folder, { recursive: true })
  writeGroupFile(join(folder, 'cgroup.procs'), String(process.pid))
}

const isListed = (controller: string, folder: string, file: string) =>
  (orUndefined(() => readFileSync(join(folder, file), 'utf8')) ?? '').trim().split(' ').includes(controller)
