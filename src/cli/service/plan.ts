import { hubPort } from '../../config/hub.ts'
import { HUB_SETTINGS, limitFlagsOf } from '../../config/hub-limits.ts'
import type { DaemonFlags } from '../../config/sources.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { ManagerName, Runs } from '../../service/plan.ts'
import type { HubServeOptions } from '../hub/index.ts'
import { type Planned, planDaemon } from './plan-daemon.ts'
import { planHub } from './plan-hub.ts'
import type { TakenOver } from './taken-over.ts'

/** Flags of the installed program. */
export interface PlanFlags extends HubServeOptions {
  user?: string
  path?: string
  [flag: string]: unknown
}

/** Returns the installation plan for a daemon, a hub, or both. @throws UserError */
export async function planFor(
  runs: Runs,
  manager: ManagerName,
  name: string,
  options: PlanFlags,
  { keyNeeded, taken }: { keyNeeded: boolean; taken?: TakenOver | undefined },
): Promise<Planned> {
  const { user, path, host, port, dataDir, tlsCert, tlsKey, insecure, trustedProxy, verbose } = options
  const { store, storePasswordFile } = options
  const flags = daemonFlags(options)
  const common = {
    manager,
    name,
    ...(user !== undefined && { user }),
    ...(path !== undefined && { path }),
  }
  const ofHub = {
    host,
    dataDir,
    tlsCert,
    tlsKey,
    insecure,
    trustedProxy,
    store,
    storePasswordFile,
    ...limitFlagsOf(options),
  }
  if (runs === 'hub') {
    refuse(flags, 'a hub')
    return planHub({ ...common, flags: { ...ofHub, port, verbose } })
  }
  refuse(runs === 'up' ? ofHub : { ...ofHub, port, verbose }, runs === 'up' ? '`up`' : 'the daemon')
  // The service does not inherit this environment, in which `up` would find the port.
  const asked = port ?? (runs === 'up' && process.env.FOMULAR_HUB_PORT ? hubPort(process.env) : undefined)
  return planDaemon({
    ...common,
    runs,
    flags,
    keyNeeded,
    ...(asked !== undefined && { port: asked }),
    ...(taken && { taken }),
  })
}

/** Flags that are not for the daemon: flags of its service, and flags of a hub. */
const OTHERS = new Set<string>([
  ...['user', 'path', 'host', 'port', 'dataDir', 'tlsCert', 'tlsKey', 'insecure', 'trustedProxy', 'verbose'],
  ...['store', 'storePasswordFile'],
  ...Object.keys(HUB_SETTINGS),
])

/** Returns the flags that are left for the daemon. */
export const daemonFlags = (options: PlanFlags): DaemonFlags =>
  Object.fromEntries(Object.entries(options).filter(([name]) => !OTHERS.has(name))) as DaemonFlags

/** Refuses flags that would have no effect. @throws UserError */
function refuse(flags: Record<string, unknown>, what: string) {
  const [name] = Object.entries(flags).find(([, value]) => value !== undefined) ?? []
  if (name === undefined) return
  const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  throw new UserError('usage', `${flag} is not a flag of ${what}.`, {
    remedy: 'See `fomular-daemon service install --help`.',
    exitCode: EXIT.usage,
  })
}
