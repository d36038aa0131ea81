import { join } from 'node:path'
import { AGENT_UMASK } from '../config/environment.ts'
import type { Mark } from './mark.ts'

export const MANAGERS = ['systemd', 'systemd-user', 'pm2', 'launchd'] as const
export type ManagerName = (typeof MANAGERS)[number]

export interface Account {
  name: string
  uid: number
  gid: number
  home: string
  shell: string
}

/** What a service starts: the daemon, a hub, or both in one process. */
export type Runs = 'daemon' | 'hub' | 'up'

/** Usual names: a hub and a daemon can be services of one machine. */
export const serviceNameOf = (runs: Runs) => (runs === 'hub' ? 'fomular-hub' : 'fomular-daemon')

/** What is to run as a service, and as whom, whatever keeps it running. */
export interface ServicePlan {
  runs: Runs
  /** Of the unit, of the entry in pm2. */
  name: string
  /** What runs the program: Node, or nothing where the program is an executable. */
  runner: string[]
  program: string
  /** Of the program; without the key. */
  args: string[]
  account: Account
  /** Where the daemon, agents and their tools look for programs. */
  path: string
  /** Whether the key is a file of the service's own; else the configuration file has it. */
  ownKey: boolean
  /** Further variables, none of them secret. */
  environment: Record<string, string>
  stateDir: string
  /** Whether the state folder is the manager's to make, at its usual place. */
  usualStateDir: boolean
  /** Folder that updates are written into. */
  installation: string
  /** What a graceful stop takes at most, seconds. */
  stopSeconds: number
  /** Of a hub: files with certificate and private key, which root alone may be able to read. */
  tls?: { cert: string; key: string }
  /** Of a hub: whether only root may listen on its port. */
  lowPort?: boolean
  /** The user is systemd's to make, for as long as the service runs. */
  dynamicUser?: boolean
}

export const DESCRIPTION: Record<Runs, string> = {
  daemon: 'FomularOS daemon: runs AI coding agents',
  hub: 'FomularOS hub: the server that daemons connect to',
  up: 'FomularOS daemon and hub: runs AI coding agents',
}

/** What a service's file says of itself. */
export const markOf = ({ stateDir, account, runs, program }: ServicePlan): Mark => ({
  format: 1,
  state_dir: stateDir,
  user: account.name,
  ...(runs !== 'daemon' && { runs }),
  program,
})

/** Arguments of the program, where nothing hands it its certificate. */
export const plainArgs = ({ args, tls }: ServicePlan): string[] =>
  tls ? [...args, '--tls-cert', tls.cert, '--tls-key', tls.key] : args

/** Tells a daemon that somebody starts it again when it exits with the code for that. */
export const SUPERVISED = 'FOMULAR_DAEMON_NO_SELF_RELAUNCH'

/** Runs, in its own place, a program that pm2 cannot start itself. */
export const PM2_LAUNCHER = '/usr/bin/env'

/** The shell that keeps a daemon running, by its pid, in the environment of what it keeps running. */
export const KEEPER = 'FOMULAR_DAEMON_KEEPER'

/** Exit codes of a daemon that mean something to who keeps it running. */
export const CODES = { restart: 75, refusedConfiguration: 2 } as const

/** Everything but PATH and what the manager has its own words for. */
export const variables = (plan: ServicePlan): Record<string, string> => ({
  ...plan.environment,
  PATH: plan.path,
  [SUPERVISED]: '1',
})

/** The usual umask, of system units and of users' own, for what agents write. */
export const agentVariables = (plan: ServicePlan): Record<string, string> =>
  plan.runs === 'hub' ? {} : { [AGENT_UMASK]: '0022' }

/** Where the manager has no way of its own to hand the key over. */
export const keyVariable = (plan: ServicePlan, path: string): Record<string, string> =>
  plan.ownKey ? { FOMULAR_KEY_FILE: path } : {}

/** Folder of the units that the machine's packages bring; an administrator's unit of the same name goes before. */
export const PACKAGED_UNITS = '/usr/lib/systemd/system'

/** What a service keeps beside its unit, by manager. */
export function serviceFiles(manager: ManagerName, name: string, home: string) {
  const dir = manager === 'systemd' ? `/etc/${name}` : join(home, '.config', name)
  return {
    dir,
    /** The machine's key, for its owner only. */
    key: join(dir, 'key'),
    /** The user's own: variables for the daemon and its agents, such as an API key. */
    environment: join(dir, 'environment'),
    unit: {
      systemd: `/etc/systemd/system/${name}.service`,
      'systemd-user': join(home, `.config/systemd/user/${name}.service`),
      pm2: join(dir, 'ecosystem.config.js'),
      launchd: join(home, `Library/LaunchAgents/${name}.plist`),
    }[manager],
  }
}
