import { join } from 'node:path'
import { AGENT_UMASK } from '../config/environment.ts'
import type { UnitMark } from './unit-mark.ts'

export const MANAGERS = ['systemd', 'systemd-user', 'pm2', 'launchd'] as const
export type ManagerName = (typeof MANAGERS)[number]

export interface Account {
  name: string
  uid: number
  gid: number
  home: string
  shell: string
}

/** The program that a service runs: the daemon, a hub, or both in one process. */
export type Runs = 'daemon' | 'hub' | 'up'

/**
 * Returns a service's default name. The hub's name differs from the daemon's, so that a machine can run both.
 */
export const serviceNameOf = (runs: Runs) => (runs === 'hub' ? 'fomular-hub' : 'fomular-daemon')

/** Description of a service, independent of its manager. */
export interface ServicePlan {
  runs: Runs
  /** Name of the unit, the pm2 entry, or the launchd job. */
  name: string
  /** Command that runs the program, such as Node; empty if the program is an executable. */
  runner: string[]
  program: string
  /** Arguments of the program, without the key. */
  args: string[]
  account: Account
  /** PATH of the daemon, its agents, and their tools. */
  path: string
  /** True if the service has its own key file; false if the key is in the configuration file. */
  ownKey: boolean
  /** Other environment variables. None of them is secret. */
  environment: Record<string, string>
  stateDir: string
  /** True if the state folder is at the default place, at which the service manager creates it. */
  usualStateDir: boolean
  /** Folder that updates are written into. */
  installation: string
  /** Maximum duration of a graceful stop, in seconds. */
  stopSeconds: number
  /**
   * For a hub: paths of files with secrets, by the name of the flag that names them. The files may be readable only
   * by root.
   */
  secretFiles?: Record<string, string>
  /** For a hub: true if it keeps its data in a database. */
  usesDatabase?: boolean
  /** For a hub: true if its port is below 1024, which requires a privilege. */
  lowPort?: boolean
  /** User that agents run as, according to the policy, if it is not the service's user. */
  agentUser?: string
  /** True if systemd creates the service's user dynamically, while the service runs. */
  dynamicUser?: boolean
}

export const DESCRIPTION: Record<Runs, string> = {
  daemon: 'FomularOS daemon: runs AI coding agents',
  hub: 'FomularOS hub: the server that daemons connect to',
  up: 'FomularOS daemon and hub: runs AI coding agents',
}

/** Returns the facts that are recorded in a comment of a service's file. */
export const markOf = ({ stateDir, account, runs, program, environment }: ServicePlan): UnitMark => ({
  format: 1,
  state_dir: stateDir,
  user: account.name,
  ...(runs !== 'daemon' && { runs }),
  program,
  ...(environment.FOMULAR_POLICY !== undefined && { policy: environment.FOMULAR_POLICY }),
})

/**
 * Returns the arguments of the program for a service manager that cannot pass credentials. They include the
 * paths of the files with secrets.
 */
export const plainArgs = ({ args, secretFiles = {} }: ServicePlan): string[] => [
  ...args,
  ...Object.entries(secretFiles).flatMap(([flag, path]) => [`--${flag}`, path]),
]

/** Environment variable that tells a daemon that its supervisor restarts it when it exits with code 75. */
export const SUPERVISED = 'FOMULAR_DAEMON_NO_SELF_RELAUNCH'

/**
 * Program that pm2 starts if it cannot start a service's program directly. The launcher then replaces itself
 * with the service's program.
 */
export const PM2_LAUNCHER = '/usr/bin/env'

/** Environment variable with the pid of the shell that keeps the daemon running in a container. */
export const KEEPER = 'FOMULAR_DAEMON_KEEPER'

/** Exit codes to which a daemon's supervisor must react. */
export const CODES = { restart: 75, refusedConfiguration: 2 } as const

/** Returns the environment variables that a service has under every manager. */
export const variables = (plan: ServicePlan): Record<string, string> => ({
  ...plan.environment,
  PATH: plan.path,
  [SUPERVISED]: '1',
})

/** Returns the variable that sets the umask of agents to the usual umask of system and user units. */
export const agentVariables = (plan: ServicePlan): Record<string, string> =>
  plan.runs === 'hub' ? {} : { [AGENT_UMASK]: '0022' }

/** Returns the variable that names the key file, for a manager that cannot pass the key as a credential. */
export const keyVariable = (plan: ServicePlan, path: string): Record<string, string> =>
  plan.ownKey ? { FOMULAR_KEY_FILE: path } : {}

/**
 * Folder of units from packages. An administrator's unit overrides a unit of the same name in this folder.
 */
export const PACKAGED_UNITS = '/usr/lib/systemd/system'

/** Returns the paths of a service's files under a manager. */
export function serviceFiles(manager: ManagerName, name: string, home: string) {
  const dir = manager === 'systemd' ? `/etc/${name}` : join(home, '.config', name)
  return {
    dir,
    /** File with the machine's key, which only the file's owner can read. */
    key: join(dir, 'key'),
    /** File with variables that the user sets for the daemon and its agents, such as an API key. */
    environment: join(dir, 'environment'),
    unit: {
      systemd: `/etc/systemd/system/${name}.service`,
      'systemd-user': join(home, `.config/systemd/user/${name}.service`),
      pm2: join(dir, 'ecosystem.config.js'),
      launchd: join(home, `Library/LaunchAgents/${name}.plist`),
    }[manager],
  }
}
