import type {
  AgentSpec,
  Content,
  Event,
  FormResult,
  PermissionRequest,
  Runtime as RuntimeFound,
} from '../../protocol/index.ts'

/** A line of an agent's input. An agent never gets the same id twice. */
export interface Input {
  id: string
  /** A prompt is kept until the agent confirms it; a control is only for the present process. */
  kind: 'prompt' | 'control'
  /** The line without its newline. */
  line: string
}

type WithoutPlace<E> = E extends Event ? Omit<E, 'offset' | 'index'> : never
/** An event without its position in the journal. */
export type EventBody = WithoutPlace<Event>

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

export type PermissionAnswer =
  | { allow: { input?: Record<string, unknown> | undefined; remember?: unknown[] | undefined } }
  | { deny: { message?: string | undefined; interrupt?: boolean | undefined } }
  | { answers: Record<string, string> }
  | { form: FormResult }

/** A message of the program, reworded for an agent of this daemon. */
export interface Explained {
  message: string
  remedy: string
}

/** The session that a process of the program reports to have open. */
export interface OpenSession {
  sessionId: string
  /** Start time of the process, as in a `ProcessIdentity`; absent if the program does not record it. */
  start?: string
}

/** The parts of this program that are specific to one agent program. All but `probe` and `openSessions` are pure. */
export interface RuntimeAdapter {
  name: string
  /** Basic regular expression for journal lines about the agent's state. */
  statePattern: string
  /** Basic regular expression for state lines of an idle agent. */
  idlePattern: string
  /** Basic regular expression for journal lines that list background tasks. */
  tasksPattern: string
  /** Basic regular expression for lines with an empty list of background tasks. */
  noTasksPattern: string
  /** Reports whether a line is only talk (text, tool uses, deltas): not about state, prompts, requests or account. */
  isSkippable(line: Buffer): boolean
  /** Looks for the program on this machine. Never throws. */
  probe(options: { env: NodeJS.ProcessEnv }): Promise<RuntimeFound>
  launch(spec: AgentSpec, options: { path: string; dir: string; session?: LaunchSession }): LaunchPlan
  /**
   * Reports whether updates delete the program at this real path while it runs. Such a program must need no other file.
   */
  isPruned(path: string): boolean
  /** Reports whether a process with these arguments was started in this session. */
  isInSession(argv: string[], sessionId: string): boolean
  /**
   * Returns the open sessions of these processes by process id. Processes without a record are absent.
   * @param env environment of the new run, which determines where the program keeps its sessions
   */
  openSessions(env: NodeJS.ProcessEnv, pids: number[]): Map<number, OpenSession>
  /** Returns the input whose reply means that the agent is ready. */
  initialize(id: string): Input
  prompt(id: string, content: Content): Input
  interrupt(id: string, options: { cancelQueued: boolean }): Input
  setModel(id: string, model: string): Input
  setPermissionMode(id: string, mode: string): Input
  endSession(id: string): Input
  /** Returns a function that reports whether a request offers to remember an entry. */
  offered(request: PermissionRequest): (entry: unknown) => boolean
  answerPermission(id: string, request: PermissionRequest, answer: PermissionAnswer): Input
  /** Returns the refusal of an unknown request, so that the program does not wait forever. */
  refuseRequest(id: string, requestId: string): Input
  /**
   * Rewords a message of the program that is misleading or lacks a remedy; undefined for any other message.
   * @param reason `startup_failure_reason` of the event `turn_result`
   */
  explain(words: string, reason?: string): Explained | undefined
  /** Decodes a line of the journal into events. Never throws; an unknown line becomes an `unknown` event. */
  decode(line: string): EventBody[]
}
