import { existsSync, realpathSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { basename, dirname } from 'node:path'
import { homeOf } from '../config/home.ts'
import { type StatePaths, stateDir, statePaths } from '../config/paths.ts'
import { systemCode } from '../platform/errors.ts'
import { readOwned } from '../platform/open-owned.ts'
import { orUndefined } from '../platform/or-undefined.ts'
import { identify, ProcessIdentity } from '../platform/process-identity.ts'
import { userOf } from '../platform/process-list.ts'
import { listeningPaths } from '../platform/sockets.ts'
import { launchdServices } from './launchd.ts'
import { pm2Services } from './pm2.ts'
import { query } from './run.ts'
import { type Supervisor, supervisorOf } from './supervisor.ts'
import { listUnits, type Service } from './units.ts'

/** A daemon of this machine, running or not. */
export interface LocalDaemon {
  state_dir: string
  running: boolean
  /** True if this user may send requests to the daemon. */
  usable: boolean
  /**
   * True if commands may choose this daemon by default, because it is a service of the machine, or belongs to
   * this user.
   */
  near: boolean
  pid?: number
  /** Name of the user it runs as. */
  user?: string
  /** Supervisor of the daemon. `state` is the state as the supervisor words it. */
  service?: Supervisor & { state?: string }
  /** For a daemon that is not running: time of its last sign of life (ISO 8601). */
  last_seen?: string
}

/** Maximum size of a lock file, in bytes. It has three short fields. */
const LOCK_BYTES = 4096

/**
 * Finds the daemons of this machine that this user may see: daemons that listen on a socket, and daemons of
 * installed services. From another user's state folder, reads only which process holds the lock.
 * @param further state folders to check, besides the usual folder
 */
export async function findDaemons(env: NodeJS.ProcessEnv, further: string[] = []): Promise<LocalDaemon[]> {
  const listening = listeningDirs()
  const usual = [stateDir(env), ...further].map(real)
  let services = await listServices(env)
  const all = () =>
    Promise.all(
      [
        ...new Set([
          ...services.flatMap(({ state_dir, runs }) => (runs === 'hub' ? [] : (state_dir ?? []))).map(real),
          ...usual,
          ...listening,
        ]),
      ].map((dir) => look(dir, { services, listening: listening.has(dir) })),
    )
  let looked = await all()
  if (!looked.some((found) => found?.running)) {
    const more = await pm2Services(env)
    services = [...services, ...more]
    if (more.length > 0) looked = await all()
  }
  const pids = new Set(looked.map((found) => found?.pid))
  // The state folder that was determined for a service can be wrong: the service's process may hold the lock
  // of another folder.
  const isElsewhere = ({ running, service }: LocalDaemon) =>
    !running && services.some((each) => isSame(each, service) && each.pid !== undefined && pids.has(each.pid))
  return looked.flatMap((found) => (found && !isElsewhere(found) ? found : []))
}

/**
 * Returns the daemon of a state folder; undefined if no daemon has used the folder and no service would run a
 * daemon with it.
 */
export async function findDaemon(env: NodeJS.ProcessEnv, dir: string): Promise<LocalDaemon | undefined> {
  const listening = listeningDirs().has(real(dir))
  const services = await listServices(env)
  const found = await look(real(dir), { services, listening })
  if (found?.running || found?.service) return found
  return look(real(dir), { services: [...services, ...(await pm2Services(env))], listening })
}

/**
 * Lists this program's services, both of the machine and of this user. Omits the services of pm2, because pm2
 * takes half a second to answer.
 */
export async function listServices(env: NodeJS.ProcessEnv): Promise<Service[]> {
  const home = homeOf(env)
  if (process.platform === 'darwin') return launchdServices(home)
  if (!existsSync('/run/systemd/system')) return []
  const units = await Promise.all((['system', 'user'] as const).map((scope) => listUnits(scope, home)))
  return units.flat()
}

const listeningDirs = () =>
  new Set(
    listeningPaths()
      .filter((path) => basename(path) === 'daemon.sock')
      .map((path) => real(dirname(path))),
  )

const isSame = (one: Supervisor, another: Supervisor | undefined) =>
  one.manager === another?.manager && one.name === another.name

async function look(
  dir: string,
  { services, listening }: { services: Service[]; listening: boolean },
): Promise<LocalDaemon | undefined> {
  const installed = services.find(
    ({ state_dir, runs }) => runs !== 'hub' && state_dir !== undefined && real(state_dir) === dir,
  )
  const access = accessTo(dir)
  const owner = ownerOf(dir)
  // The socket may belong to another program that also uses the name daemon.sock. If this user cannot open
  // the folder, its path must contain this program's name.
  if (access === 'closed' && !installed && !dir.includes('fomular')) return undefined
  const holder = access === 'open' ? livingHolder(statePaths(dir).lock, { owner, listening }) : undefined
  const running = holder !== undefined || (access === 'closed' && (listening || installed?.running === true))
  const found = holder && (await supervisorOf(holder.pid))
  const service = holder ? found && { ...services.find((each) => isSame(each, found)), ...found } : installed
  const last = running ? undefined : lastSeen(dir)
  if (!running && !service && last === undefined) return undefined
  const pid = holder?.pid ?? (running ? installed?.pid : undefined)
  const user = await userName(holder && userOf(holder.pid), installed?.user, owner)
  return {
    state_dir: dir,
    running,
    usable: access !== 'closed',
    near: isNear(owner, service),
    ...(pid !== undefined && { pid }),
    ...(user !== undefined && { user }),
    ...(service && { service: summary(service) }),
    ...(last !== undefined && { last_seen: last }),
  }
}

const summary = ({ manager, name, state }: Supervisor & Partial<Service>) => ({
  manager,
  name,
  ...(state !== undefined && { state }),
})

/** Reports whether a daemon is a service of the machine, of this user, or of the user who called sudo. */
export function isNear(owner: number | undefined, service: Supervisor | undefined): boolean {
  if (service?.manager === 'systemd') return true
  const uid = process.getuid?.()
  return owner === uid || (uid === 0 && String(owner) === process.env.SUDO_UID)
}

/** Returns the process that holds a state folder. */
export const holderOf = ({ dir, lock }: StatePaths) =>
  livingHolder(lock, { owner: ownerOf(dir), listening: listeningDirs().has(real(dir)) })

/**
 * Returns the process that holds a lock. The process must run as the folder's owner or as root. A service
 * with a separate /proc can see a different boot id than this process. In that case, the service's listening
 * socket proves that it started after the last boot.
 */
function livingHolder(
  lock: string,
  { owner, listening }: { owner: number | undefined; listening: boolean },
): ProcessIdentity | undefined {
  const text = readOwned(lock, LOCK_BYTES)
  const said = ProcessIdentity.safeParse(text === undefined ? undefined : orUndefined(() => JSON.parse(text)))
  if (!said.success) return undefined
  const { pid, start, boot_id } = said.data
  const now = identify(pid)
  if (now?.start !== start || (now.boot_id !== boot_id && !listening)) return undefined
  const runsAs = userOf(pid)
  return runsAs === undefined || runsAs === owner || runsAs === 0 ? now : undefined
}

/** Resolves links, so that a folder with two names counts as one folder. */
export const real = (dir: string) => orUndefined(() => realpathSync(dir)) ?? dir
export const ownerOf = (dir: string) => orUndefined(() => statSync(dir).uid)

export function accessTo(dir: string): 'open' | 'closed' | 'missing' {
  try {
    // Without the dot, this would not check the permission to look up names in the folder.
    statSync(`${dir}/.`)
    return 'open'
  } catch (error) {
    return systemCode(error) === 'EACCES' ? 'closed' : 'missing'
  }
}

/** Returns the time at which a daemon last wrote to its state folder. */
function lastSeen(dir: string): string | undefined {
  const { log, lock, machine } = statePaths(dir)
  const times = [log, lock, machine].flatMap((path) => orUndefined(() => statSync(path).mtimeMs) ?? [])
  return times.length === 0 ? undefined : new Date(Math.max(...times)).toISOString()
}

export async function userName(
  running: number | undefined,
  service: string | undefined,
  owner: number | undefined,
) {
  if (running === undefined && service !== undefined) return service
  const uid = running ?? owner
  if (uid === undefined) return undefined
  // In a container, this user may have no name, and `userInfo` throws.
  const own = orUndefined(() => userInfo())
  if (uid === own?.uid) return own.username
  const { stdout } = await query(['getent', 'passwd', String(uid)])
  return stdout.split(':')[0] || String(uid)
}
