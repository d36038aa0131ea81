import type {
  AgentSpec,
  Content,
  Event,
  FormResult,
  PermissionRequest,
  Runtime as RuntimeFound,
} from '../../protocol/index.ts'

/** One line for an agent's input. The same id is never given to an agent twice. */
export interface Input {
  id: string
  /** A prompt is kept until the agent says that it has it; a control is for the process that is there now. */
  kind: 'prompt' | 'control'
  /** Without its newline. */
  line: string
}

type WithoutPlace<E> = E extends Event ? Omit<E, 'offset' | 'index'> : never
/** An event before it is known where in the journal it stands. */
export type EventBody = WithoutPlace<Event>

export interface LaunchPlan {
  /** Program and arguments. Others on the machine can read them: no secrets. */
  argv: string[]
  /** Over the environment the agent inherits; undefined takes a variable away. */
  env: Record<string, string | undefined>
  /** Files to write into the agent's folder first, by name. */
  files: Record<string, string>
}

export interface LaunchSession {
  id: string
  mode: 'new' | 'resume' | 'fork'
  /** Take up again the turn that the last process was ended in. */
  resumeTurn: boolean
}

export type PermissionAnswer =
  | { allow: { input?: Record<string, unknown> | undefined; remember?: unknown[] | undefined } }
  | { deny: { message?: string | undefined; interrupt?: boolean | undefined } }
  | { answers: Record<string, string> }
  | { form: FormResult }

/** A message of the program, in words that are right for an agent of this daemon. */
export interface Explained {
  message: string
  remedy: string
}

/** What a process of the program says that it has open. */
export interface OpenSession {
  sessionId: string
  /** When the process started, as in a `ProcessIdentity`; absent where the program does not tell. */
  start?: string
}

/** All that is peculiar to one kind of agent program. Everything but `probe` and `openSessions` is pure. */
export interface Runtime {
  name: string
  /** Basic regular expression of the journal lines that say whether the agent is idle. */
  statePattern: string
  /** Of those, the ones that say it is. */
  idlePattern: string
  /** Basic regular expression of the journal lines that list background tasks. */
  tasksPattern: string
  /** Of those, the ones that list none. */
  noTasksPattern: string
  /** Whether a line says nothing of the agent's state, prompts, requests or account: text, tool uses, deltas. */
  isTalk(line: Buffer): boolean
  /** Looks for the program on this machine. Never throws. */
  probe(options: { env: NodeJS.ProcessEnv }): Promise<RuntimeFound>
  launch(spec: AgentSpec, options: { path: string; dir: string; session?: LaunchSession }): LaunchPlan
  /** Whether an update deletes the program at this real path while it runs. Such a program must need no other file. */
  isPruned(path: string): boolean
  /** Whether a process with these arguments was started on this session, by anybody. */
  isInSession(argv: string[], sessionId: string): boolean
  /**
   * Returns the sessions that these processes have open, by process id, without the processes that do not tell.
   * @param env environment of the new run, which says where the program keeps its sessions
   */
  openSessions(env: NodeJS.ProcessEnv, pids: number[]): Map<number, OpenSession>
  /** Its reply means that the agent is ready. */
  initialize(id: string): Input
  prompt(id: string, content: Content): Input
  interrupt(id: string, options: { cancelQueued: boolean }): Input
  setModel(id: string, model: string): Input
  setPermissionMode(id: string, mode: string): Input
  endSession(id: string): Input
  /** Returns what tells whether a request offers to remember an entry. */
  offered(request: PermissionRequest): (entry: unknown) => boolean
  answerPermission(id: string, request: PermissionRequest, answer: PermissionAnswer): Input
  /** Refuses a request of the program that this daemon does not know, so that the program does not wait for ever. */
  refuseRequest(id: string, requestId: string): Input
  /**
   * Explains a message of the program that would mislead, or that does not say what to do; undefined for any other.
   * @param reason why it did not start, as the event `turn_result` has it
   */
  explain(words: string, reason?: string): Explained | undefined
  /** One line of the journal → what it says. Never throws; what it does not know becomes `unknown`. */
  decode(line: string): EventBody[]
}
