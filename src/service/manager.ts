import type { ManagerName, Runs, ServicePlan } from './plan.ts'
import type { Step } from './steps.ts'

export interface Status {
  manager: ManagerName
  name: string
  /** Path of the unit, the ecosystem file, or the property list. */
  file: string
  installed: boolean
  running: boolean
  /** True if the service is not running and its manager does not try to start it. */
  failed: boolean
  /** True if the service starts when the machine boots. */
  enabled: boolean
  /** State of the service, in the words of its manager. */
  state: string
  pid?: number
  since?: string
  /** Number of automatic restarts since the service was last started by hand. */
  restarts?: number
  /** Status line that the daemon sent to systemd. */
  says?: string
  state_dir?: string
  /** Name of the user it runs as. */
  user?: string
  runs?: Runs
}

/** A service manager that can keep the daemon running. */
export interface Manager {
  name: ManagerName
  /** Returns the file that defines the service. */
  file(plan: ServicePlan): Promise<{ path: string; text: string; mode: number }>
  /**
   * Returns the steps that install the service or update an installed service, and that start it if `start`
   * is true.
   */
  install(plan: ServicePlan, options: { start: boolean; key: string | undefined }): Promise<Step[]>
  /**
   * Returns the steps that stop the service, which also ends its agents, and remove it. The steps keep the
   * state folder.
   */
  uninstall(at: At): Promise<Step[]>
  start(at: At): Step[]
  /** Returns the steps that stop the service. Its agents end, too. */
  stop(at: At): Step[]
  status(at: At): Promise<Status>
  /** Returns the command that shows the log; undefined if the only log is in the state folder. */
  logs(at: At, options: { lines: number; follow: boolean }): string[] | undefined
}

/** Name of a service, and home folder of its user. */
export interface At {
  name: string
  home: string
}
