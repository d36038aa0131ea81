import type { AgentSpec, Content, Event, FormResult, PermissionRequest } from '../../protocol/index.ts'

/** A line of an agent's input. An agent never gets the same id twice. */
export interface Input {
  id: string
  /** A prompt is kept until the agent confirms it; a control is only for the current process. */
  kind: 'prompt' | 'control'
  /** The line without its newline. */
  line: string
}

/** An input that follows from a line of the agent, for example the answer to a request. It is sent once. */
export interface Reply extends Omit<Input, 'id'> {
  /** Defaults to an id derived from the line's place in the journal. */
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
  /** Session to begin or continue; absent if the agent chooses the id of a new one. */
  session?: { id: string; mode: 'new' | 'resume' | 'fork' } | undefined
  /** First prompt of a new agent. */
  prompt?: { id: string; content: Content } | undefined
}

/** Meaning of one line of the agent. */
export interface Heard {
  events: EventBody[]
  inputs?: Reply[]
  /** State of the conversation after the line. JSON; never changed in place. */
  state?: unknown
}

export type PermissionAnswer =
  | { allow: { input?: Record<string, unknown> | undefined; remember?: unknown[] | undefined } }
  | { deny: { message?: string | undefined; interrupt?: boolean | undefined } }
  | { answers: Record<string, string> }
  | { form: FormResult }

/**
 * The language of an agent program: translates its lines into events, and the daemon's orders into lines. All
 * functions are pure. Each run is a separate conversation, which begins without a state.
 */
export interface Conversation {
  /**
   * True if the meaning of a line depends on earlier lines of its run. When the server goes back, such a
   * conversation is read again from a checkpoint, so its state must be small.
   */
  isStateful: boolean
  /** Returns the inputs that begin a run. The first one comes before all input that waits. */
  open(run: Run): Input[]
  /**
   * Reads a line of the journal. An unknown line becomes an `unknown` event.
   *
   * Events and state must depend only on the line and the state before it, not on the run: a server may go
   * back to any line, and must get the same events. Inputs may depend on the run.
   * @param state state after the run's previous line; undefined before its first line
   */
  onLine(line: string, state: unknown, run: Run): Heard
  /** Reports whether a line is only talk: not about state, prompts, requests, account, or the conversation's state. */
  isSkippable(line: Buffer): boolean
  prompt(id: string, content: Content, state: unknown): Input
  interrupt(id: string, options: { cancelQueued: boolean }, state: unknown): Input
  setModel(id: string, model: string, state: unknown): Input
  setPermissionMode(id: string, mode: string, state: unknown): Input
  endSession(id: string, state: unknown): Input
  /** Returns a function that reports whether a request offers to remember an entry. */
  offered(request: PermissionRequest): (entry: unknown) => boolean
  answerPermission(id: string, request: PermissionRequest, answer: PermissionAnswer, state: unknown): Input
  /** Returns the refusal of a request that a daemon of an earlier version has noted, if there can be such requests. */
  refuse?(requestId: string): Reply
}
