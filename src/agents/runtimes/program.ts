import type { AgentSpec, Runtime as RuntimeFound } from '../../protocol/index.ts'

export interface LaunchPlan {
  /** Program and arguments. They must not contain secrets, since other users can read them. */
  argv: string[]
  /** Variables to add to the inherited environment; undefined removes a variable. */
  env: Record<string, string | undefined>
  /** Files to write into the agent's folder before the launch, by name. */
  files: Record<string, string>
}

export interface LaunchSession {
  id: string
  mode: 'new' | 'resume' | 'fork'
  /** True to continue the turn in which the last process ended. */
  resumeTurn: boolean
}

/** The session that, according to the program's records, a process has open. */
export interface OpenSession {
  sessionId: string
  /** Start time of the process, as in a `ProcessIdentity`; absent if the program does not record it. */
  start?: string
}

/** A message of the program, reworded for users of this daemon. */
export interface Explained {
  message: string
  remedy: string
}

/**
 * Basic regular expressions with which the launcher finds out from the journal, without a daemon, whether an
 * agent is idle. The newest line of each kind counts.
 */
interface IdlePatterns {
  /** Lines about the agent's state. */
  state: string
  /** Lines that report that the agent is idle. */
  idle: string
  /** Lines that list background tasks. */
  tasks: string
  /** Lines with an empty list of background tasks. */
  noTasks: string
}

export interface ProbeOptions {
  env: NodeJS.ProcessEnv
  /** Maximum run time of each query, in ms. */
  timeoutMs?: number
  /** Reports whether a program may be run. By default, all may. */
  allowed?: (path: string) => boolean
}

/** Environment variables of an agent program. */
export interface RuntimeVariables {
  /** Variable with which users of this daemon set the path of the program. */
  program: `FOMULAR_${string}_PATH`
  /** Variable with the path of the folder in which the program keeps its settings and sessions. */
  folder: string
  /** Further variables that decide what the program finds. Their values are not secret. */
  others: readonly string[]
  /** Variables that log the program in. Their values are secret. */
  logins: RegExp
  /** All variables that configure the program. */
  all: RegExp
}

/** An agent program: its location, its launch, and the records that it leaves on the disk. */
export interface Program {
  /** Name for people. */
  title: string
  variables: RuntimeVariables
  /** Remedy for a missing, expired, or refused login. */
  loginRemedy: string
  /** Returns the folder in which the program keeps its settings and sessions. */
  folder(env: NodeJS.ProcessEnv): string
  /** Returns the files and folders that the program changes for its user, and those that are about its processes. */
  places(env: NodeJS.ProcessEnv): { shared: string[]; ofProcesses: string[] }
  /** Returns the candidate programs of this environment, the preferred one first. */
  find(env: NodeJS.ProcessEnv): string[]
  /** Searches this machine for the program, and queries its version and login. Never throws. */
  probe(options: ProbeOptions): Promise<RuntimeFound>
  /** Settings of an agent, in addition to those of every agent (`COMMON_FIELDS`), that this program knows. */
  settings: readonly (keyof AgentSpec)[]
  launch(
    spec: AgentSpec,
    options: {
      path: string
      dir: string
      session?: LaunchSession
      /** True if the program must not use the files in `startupPaths`. */
      ignoresStartupFiles?: boolean
    },
  ): LaunchPlan
  /**
   * Returns the paths of all files and folders, existing or not, that can make the program run other programs in the
   * folders of the specification, other than the user's own.
   */
  startupPaths(spec: AgentSpec, env: NodeJS.ProcessEnv): string[]
  /** Returns the part of such a file that a person must see before permitting it; undefined if its name is enough. */
  startupPart(path: string, text: string): string | undefined
  idle: IdlePatterns
  /**
   * Reports whether updates delete the program at this real path while it runs. Such a program must need no other file.
   */
  isPruned(path: string): boolean
  /**
   * Rewords a message of the program that is misleading or lacks a remedy; undefined for any other message.
   * @param reason `startup_failure_reason` of the event `turn_result`
   */
  explain(words: string, reason?: string): Explained | undefined
}

/** The sessions of an agent program. */
export interface Sessions {
  /** Returns an id for a new session. Absent if the agent chooses the id, and reports it in an event `session`. */
  newSessionId?(): string
  /** Reports whether a process with these arguments was started in this session. */
  isInSession(argv: string[], sessionId: string): boolean
  /**
   * Returns the open sessions of these processes by process id. Processes without a record are absent.
   * @param env environment of the new run, which determines where the program keeps its sessions
   */
  openSessions(env: NodeJS.ProcessEnv, pids: number[]): Map<number, OpenSession>
}
