import type { ManagerName, Runs, ServicePlan } from './plan.ts'
import type { Step } from './steps.ts'

export interface Status {
  manager: ManagerName
  name: string
  /** Its unit, its entry's file. */
  file: string
  installed: boolean
  running: boolean
  /** Whether it does not run, and nobody tries. */
  failed: boolean
  /** Whether it starts with the machine. */
  enabled: boolean
  /** In the manager's own words. */
  state: string
  pid?: number
  since?: string
  /** New starts since it was last started by somebody. */
  restarts?: number
  /** What the daemon says of itself. */
  says?: string
  state_dir?: string
  /** Name of the user it runs as. */
  user?: string
  runs?: Runs
}

/** Whatever keeps the daemon running. */
export interface Manager {
  name: ManagerName
  /** The file that makes the service. */
  file(plan: ServicePlan): Promise<{ path: string; text: string; mode: number }>
  /** From nothing, or from an older file, to a service that runs. */
  install(plan: ServicePlan, options: { start: boolean; key: string | undefined }): Promise<Step[]>
  /** Agents are ended first. The state folder stays. */
  uninstall(at: At): Promise<Step[]>
  start(at: At): Step[]
  /** Agents are ended. */
  stop(at: At): Step[]
  status(at: At): Promise<Status>
  /** What to run to see the log; undefined where the state folder has all there is. */
  logs(at: At, options: { lines: number; follow: boolean }): string[] | undefined
}

/** Which service, and whose. */
export interface At {
  name: string
  home: string
}
