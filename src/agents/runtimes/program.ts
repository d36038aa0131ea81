import type { AgentSpec, Runtime as RuntimeFound } from '../../protocol/index.ts'

export interface LaunchPlan {
  /** Program and arguments. The arguments must not contain secrets, since other users can read arguments. */
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

/** The session that a process has open, according to the program's records. */
export interface OpenSession {
  sessionId: string
  /** Start time of the process, as in a `ProcessIdentity`; absent if the program does not record it. */
  start?: string
}

/** A message of the program, with a clearer wording and a remedy for users of this daemon. */
export interface Explained {
  message: string
  remedy: string
}

/**
 * Basic regular expressions for lines of the journal. With these expressions, the launcher determines without
 * a daemon whether an agent is idle. Only the newest matching lines are used.
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
  /** Command to put before a program, which then runs as another user; `env` is that user's environment. */
  command?: readonly string[]
  /** Reports whether a program may be run. By default, all programs may be run. */
  allowed?: (path: string) => boolean
}

/** Environment variables of an agent program. */
export interface RuntimeVariables {
  /** Variable with which users of this daemon set the path of the program. */
  program: `FOMULAR_${string}_PATH`
  /** Variable with the path of the folder in which the program keeps its settings and sessions. */
  folder: string
  /**
   * Further variables that determine which files and servers the program uses. The values of these variables
   * are not secret.
   */
  others: readonly string[]
  /** Variables that contain credentials for the program. The values of these variables are secret. */
  logins: RegExp
  /** All variables that configure the program. */
  all: RegExp
}

/** An agent program: its location, how it is launched, and its files on the disk. */
export interface Program {
  /** Name for people. */
  title: string
  variables: RuntimeVariables
  /** Remedy for a missing, expired, or refused login. */
  loginRemedy: string
  /** Returns the folder in which the program keeps its settings and sessions. */
  folder(env: NodeJS.ProcessEnv): string
  /**
   * Returns the files and folders that the program's processes share, the folders that must exist before the
   * program starts in a sandbox, and the folders with records about individual processes.
   */
  places(env: NodeJS.ProcessEnv): { shared: string[]; needed: string[]; ofProcesses: string[] }
  /** Returns the candidate programs in this environment, beginning with the preferred program. */
  find(env: NodeJS.ProcessEnv): string[]
  /** Searches this machine for the program, and queries its version and login. Never throws. */
  probe(options: ProbeOptions): Promise<RuntimeFound>
  /**
   * Fields of an agent's specification that this program supports, in addition to the fields of every agent
   * (`COMMON_FIELDS`).
   */
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
   * Returns the paths of all files and folders in the specification's folders that can make the program run
   * other programs. Includes paths that do not exist. Leaves out the user's own configuration.
   */
  startupPaths(spec: AgentSpec, env: NodeJS.ProcessEnv): string[]
  /**
   * Returns the part of a startup file that a person must see before permitting the file; undefined if it is
   * enough to see its name.
   */
  startupPart(path: string, text: string): string | undefined
  idle: IdlePatterns
  /**
   * Reports whether an update deletes the program at this real path, even while it runs. The daemon makes a
   * hard link to such a program and runs the link, so the program must work without other files.
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
  /**
   * Returns an id for a new session. Absent if the program chooses the id and reports it in a `session`
   * event.
   */
  newSessionId?(): string
  /** Reports whether a process with these arguments was started in this session. */
  isInSession(argv: string[], sessionId: string): boolean
  /**
   * Returns the open sessions of these processes by process id. A process for which the program has no record
   * is left out.
   * @param env environment of the new run, which determines where the program keeps its sessions
   */
  openSessions(env: NodeJS.ProcessEnv, pids: number[]): Map<number, OpenSession>
}
