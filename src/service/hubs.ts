import { readlinkSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fromHere, livingHub } from '../config/hub.ts'
import { stateDir, statePaths } from '../config/paths.ts'
import { orUndefined } from '../platform/or-undefined.ts'
import { commandLines, environmentOf, userOf } from '../platform/process-list.ts'
import { accessTo, findDaemons, isNear, listServices, ownerOf, real, userName } from './find-daemons.ts'
import type { Supervisor } from './supervisor.ts'
import { flagIn, runsOf, type Service } from './units.ts'

/** A hub on this machine. */
export interface LocalHub {
  /** Folder of the hub, with its keys. */
  dir: string
  /**
   * Value for `--state-dir` that selects this hub: the state folder that contains the hub's folder, or the
   * hub's folder itself.
   */
  named: string
  running: boolean
  /** True if this user may read the hub's keys. */
  usable: boolean
  /** True if commands may choose this hub by default; see `LocalDaemon.near`. */
  near: boolean
  /** Address of the hub from this machine. */
  url?: string
  user?: string
  service?: Supervisor & { state?: string }
}

/**
 * Finds the hubs of this machine that this user may see: hubs of services, hubs in state folders of daemons,
 * and running hubs.
 */
export async function findHubs(env: NodeJS.ProcessEnv): Promise<LocalHub[]> {
  const [services, daemons] = await Promise.all([listServices(env), findDaemons(env)])
  const ofServices = new Map(services.flatMap((each) => hubDirOf(each).map((dir) => [real(dir), each])))
  const ofDaemons = daemons.map(({ state_dir }) => statePaths(state_dir).hub)
  const dirs = [...ofServices.keys(), ...ofDaemons, statePaths(stateDir(env)).hub, ...startedByHand()].map(
    real,
  )
  const found = await Promise.all([...new Set(dirs)].map((dir) => look(dir, ofServices.get(dir))))
  return found.flatMap((hub) => hub ?? [])
}

const hubDirOf = ({ runs, hub_dir, state_dir }: Service): string[] => {
  if (runs === 'daemon') return []
  if (runs === 'hub' && hub_dir !== undefined) return [hub_dir]
  return state_dir === undefined ? [] : [statePaths(state_dir).hub]
}

/**
 * Returns the folders that may belong to hubs started by hand, according to the command lines of processes.
 * `look` checks each folder.
 */
function startedByHand(): string[] {
  return commandLines().flatMap(({ pid, argv }) => {
    const command = argv.join(' ')
    if (runsOf(command) !== 'hub' || !isReachable(pid)) return []
    const dir = flagIn(command, 'data-dir')
    const cwd = orUndefined(() => readlinkSync(`/proc/${pid}/cwd`))
    if (dir !== undefined) return cwd === undefined ? [] : [resolve(cwd, dir)]
    const variable = environmentOf(pid)
    const home = variable?.('HOME')
    return home === undefined
      ? []
      : [join(stateDir({ HOME: home, FOMULAR_STATE_DIR: variable?.('FOMULAR_STATE_DIR') }), 'hub')]
  })
}

/**
 * Reports whether a process is in this process's network namespace. The loopback address of another
 * namespace, such as a container's, is not reachable from here.
 */
const isReachable = (pid: number) => {
  const network = (of: number | 'self') => orUndefined(() => readlinkSync(`/proc/${of}/ns/net`))
  return network(pid) === network('self')
}

async function look(dir: string, service: Service | undefined): Promise<LocalHub | undefined> {
  const usable = accessTo(dir) !== 'closed'
  const owner = ownerOf(dir)
  const record = usable ? livingHub(dir) : undefined
  const running = record !== undefined || (!usable && service?.running === true)
  if (!running && !service) return undefined
  const user = await userName(record && userOf(record.pid), service?.user, owner)
  const parent = dirname(dir)
  const within =
    statePaths(parent).hub === dir &&
    (service?.state_dir === parent || orUndefined(() => statSync(statePaths(parent).machine)) !== undefined)
  return {
    dir,
    named: within ? parent : dir,
    running,
    usable,
    near: isNear(owner, service),
    ...(record && { url: fromHere(record.url) }),
    ...(user !== undefined && { user }),
    ...(service && { service: { manager: service.manager, name: service.name, state: service.state } }),
  }
}
