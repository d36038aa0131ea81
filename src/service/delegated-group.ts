import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { groupFolder, writeGroupFile } from '../platform/control-groups.ts'
import { orUndefined } from '../platform/or-undefined.ts'
import { type UnitPlace, unitOf } from './cgroup.ts'
import { systemctl } from './systemctl.ts'

/** Name of the daemon's own group within its unit's group (`DelegateSubgroup=`), and within a group of another kind. */
export const DAEMON_GROUP = 'daemon'
/** Folder of this program's groups in a group that is not its unit's. */
const OURS = 'fomular-daemon'
/** Controllers that this program uses, if it can have them. */
const CONTROLLERS = ['memory', 'pids', 'cpu']
/** Maximum wait for an answer from systemd, in ms. */
const ANSWER_MS = 5000

export interface DelegatedGroup {
  /** Folder in which this program may make groups. */
  base: string
  /** Group of this process. */
  own: string
}

/**
 * Returns the control group in which this process may make others: its unit's, if systemd leaves that to it
 * (`Delegate=yes`), or a group that no systemd manages, such as a container's. Undefined if there is none.
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
  // systemd gives a delegated group to the unit's user. Root, and a user's own systemd, can write to any group.
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
  // With controllers, a group has either processes or groups. Systemd before version 254 starts the daemon in the unit's
  // own group, which it could not enter again.
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

/** @throws the system error */
function moveTo(folder: string) {
  mkdirSync(folder, { recursive: true })
  writeGroupFile(join(folder, 'cgroup.procs'), String(process.pid))
}

const isListed = (controller: string, folder: string, file: string) =>
  (orUndefined(() => readFileSync(join(folder, file), 'utf8')) ?? '').trim().split(' ').includes(controller)
