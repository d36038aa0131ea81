import type { AgentSpec, Content, Event, FormResult, PermissionRequest } from '../../protocol/index.ts'

/** A line of an agent's input. An agent never gets the same id twice. */
export interface Input {
  id: string
  /** A prompt is kept until the agent confirms it; a control is only for the current process. */
  kind: 'prompt' | 'control'
  /** The line without its newline. */
  line: string
}

/**
 * An input that the daemon sends in response to a line of the agent, such as the answer to a request. Such an
 * input is sent only once.
 */
export interface Reply extends Omit<Input, 'id'> {
  /** Defaults to an id derived from the line's offset in the journal. */
  id?: string
  /**
   * Request of the agent that this input answers. Each request of a run is answered at most once. A request
   * that is withdrawn before the answer is sent gets no answer.
   */
  request_id?: string
}

type WithoutPlace<E> = E extends Event ? Omit<E, 'offset' | 'index'> : never
/** An event without its position in the journal. */
export type EventBody = WithoutPlace<Event>

/** The run that a conversation belongs to. */
export interface Run {
  spec: AgentSpec
  /** Id of the input whose reply means that the agent is ready. */
  initialize_id: string
  /** Session to begin or continue; absent for a new session whose id the program chooses. */
  session?: { id: string; mode: 'new' | 'resume' | 'fork' } | undefined
  /** First prompt of a new agent. */
  prompt?: { id: string; content: Content } | undefined
}

/** The result of reading one line of the agent. */
export interface Heard {
  events: EventBody[]
  inputs?: Reply[]
  /** State of the conversation after the line. The state must be JSON, and is never changed in place. */
  state?: unknown
}

export type PermissionAnswer =
  | { allow: { input?: Record<string, unknown> | undefined; remember?: unknown[] | undefined } }
  | { deny: { message?: string | undefined; interrupt?: boolean | undefined } }
  | { answers: Record<string, string> }
  | { form: FormResult }

/**
 * Translates between an agent program and the daemon: the program's lines into events, and the server's
 * commands into lines for the program. All functions are pure. Each run is a separate conversation, which
 * begins without a state.
 */
export interface Conversation {
  /**
   * True if the meaning of a line depends on earlier lines of its run. When the server requests earlier lines
   * again, the daemon reads such a conversation again from a checkpoint. Checkpoints contain the state, so
   * the state must be small.
   */
  isStateful: boolean
  /**
   * Returns the inputs that begin a run. The first of these inputs is delivered before all other waiting
   * input.
   */
  open(run: Run): Input[]
  /**
   * Reads a line of the journal. An unknown line becomes an `unknown` event.
   *
   * The events and the new state must depend only on the line and the previous state, and not on the run: if
   * a server requests a line again, it must get the same events. Inputs may depend on the run.
   * @param state state after the run's previous line; undefined before its first line
   */
  onLine(line: string, state: unknown, run: Run): Heard
  /**
   * Reports whether a line contains only the model's text. Such a line cannot change the agent's status or
   * the conversation's state.
   */
  isSkippable(line: Buffer): boolean
  prompt(id: string, content: Content, state: unknown): Input
  /** Returns the content of a line that `prompt` has made. Without this function, no status shows the content. */
  contentOf?(line: string): Content | undefined
  /**
   * Returns the request to drop a prompt that the program has not begun. If the program drops the prompt, it
   * reports the prompt as `cancelled` before its reply. Absent if the program has no such request.
   */
  withdraw?(id: string, promptId: string, state: unknown): Input
  interrupt(id: string, options: { cancelQueued: boolean }, state: unknown): Input
  setModel(id: string, model: string, state: unknown): Input
  setPermissionMode(id: string, mode: string, state: unknown): Input
  endSession(id: string, state: unknown): Input
  /**
   * Returns a function that reports whether an entry is one of the rules that a request suggests for later
   * requests.
   */
  offered(request: PermissionRequest): (entry: unknown) => boolean
  answerPermission(id: string, request: PermissionRequest, answer: PermissionAnswer, state: unknown): Input
  /**
   * Returns the refusal of an unknown request. A daemon of an earlier version has recorded this request.
   * Absent if this runtime has no such requests.
   */
  refuse?(requestId: string): Reply
}
