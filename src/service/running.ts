import { existsSync, realpathSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { basename, dirname } from 'node:path'
import { homeOf } from '../config/home.ts'
import { type StatePaths, stateDir, statePaths } from '../config/paths.ts'
import { systemCode } from '../platform/errors.ts'
import { readOwned } from '../platform/owned.ts'
import { identify, ProcessIdentity } from '../platform/process-identity.ts'
import { userOf } from '../platform/process-list.ts'
import { listeningPaths } from '../platform/sockets.ts'
import { launchdServices } from './launchd.ts'
import { pm2Services } from './pm2.ts'
import { ask } from './run.ts'
import { type Supervisor, supervisorOf } from './supervisor.ts'
import { listUnits, type Service } from './units.ts'

/** A daemon of this machine, or a place where one could be started again. */
export interface LocalDaemon {
  state_dir: string
  running: boolean
  /** Whether this user may talk to it. */
  usable: boolean
  /** Whether this user is meant when nobody is named: the daemon is a service of the machine, or this user's own. */
  near: boolean
  pid?: number
  /** The user that it runs as. */
  user?: string
  /** What keeps it running; with how it is, in the manager's own words. */
  service?: Supervisor & { state?: string }
  /** Of one that does not run: when it was last seen (ISO 8601). */
  last_seen?: string
}

/** A lock is three short fields. */
const LOCK_BYTES = 4096

/**
 * The daemons of this machine of which this user may know: those that listen, whoever runs them, and those of the
 * services that are installed. Nothing is taken from a folder of another user but which process holds it.
 * @param further state folders to look at besides
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
  // Where a service's folder was only guessed, its process was found in another.
  const isElsewhere = ({ running, service }: LocalDaemon) =>
    !running && services.some((each) => isSame(each, service) && each.pid !== undefined && pids.has(each.pid))
  return looked.flatMap((found) => (found && !isElsewhere(found) ? found : []))
}

/** What there is in one state folder; undefined where no daemon has ever been, and no service is to run one. */
export async function lookAt(env: NodeJS.ProcessEnv, dir: string): Promise<LocalDaemon | undefined> {
  const listening = listeningDirs().has(real(dir))
  const services = await listServices(env)
  const found = await look(real(dir), { services, listening })
  if (found?.running || found?.service) return found
  return look(real(dir), { services: [...services, ...(await pm2Services(env))], listening })
}

/** Services that run this program: the machine's, and this user's own; those of pm2 left out, which takes long to answer. */
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
  // Of another program's socket by the same name, too, its folder would be closed.
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

/** Root's own, those of who called sudo, and services of the machine, of which anybody may know. */
export function isNear(owner: number | undefined, service: Supervisor | undefined): boolean {
  if (service?.manager === 'systemd') return true
  const uid = process.getuid?.()
  return owner === uid || (uid === 0 && String(owner) === process.env.SUDO_UID)
}

/** The process that holds a state folder. */
export const holderOf = ({ dir, lock }: StatePaths) =>
  livingHolder(lock, { owner: ownerOf(dir), listening: listeningDirs().has(real(dir)) })

/**
 * The process that holds a lock; it must be one of the folder's owner, or root's. In a container, a service with a /proc
 * of its own can see another boot id than its machine: there its socket says that it is of this boot.
 */
function livingHolder(
  lock: string,
  { owner, listening }: { owner: number | undefined; listening: boolean },
): ProcessIdentity | undefined {
  const text = readOwned(lock, LOCK_BYTES)
  const said = ProcessIdentity.safeParse(text === undefined ? undefined : quietly(() => JSON.parse(text)))
  if (!said.success) return undefined
  const { pid, start, boot_id } = said.data
  const now = identify(pid)
  if (now?.start !== start || (now.boot_id !== boot_id && !listening)) return undefined
  const runsAs = userOf(pid)
  return runsAs === undefined || runsAs === owner || runsAs === 0 ? now : undefined
}

export const quietly = <T>(look: () => T): T | undefined => {
  try {
    return look()
  } catch {
    return undefined
  }
}

/** One folder by two names is one daemon. */
export const real = (dir: string) => quietly(() => realpathSync(dir)) ?? dir
export const ownerOf = (dir: string) => quietly(() => statSync(dir).uid)

export function accessTo(dir: string): 'open' | 'closed' | 'missing' {
  try {
    // What is in it can be looked up, not only the folder itself.
    statSync(`${dir}/.`)
    return 'open'
  } catch (error) {
    return systemCode(error) === 'EACCES' ? 'closed' : 'missing'
  }
}

/** When a daemon last wrote in its folder. */
function lastSeen(dir: string): string | undefined {
  const { log, lock, machine } = statePaths(dir)
  const times = [log, lock, machine].flatMap((path) => quietly(() => statSync(path).mtimeMs) ?? [])
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
  // In a container, this user may have no name.
  const own = quietly(() => userInfo())
  if (uid === own?.uid) return own.username
  const { stdout } = await ask(['getent', 'passwd', String(uid)])
  return stdout.split(':')[0] || String(uid)
}
