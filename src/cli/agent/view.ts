import { UserError } from '../../platform/errors.ts'
import type { Event, HubAgent, PermissionRequest } from '../../protocol/index.ts'
import type { HubClient } from '../client/hub-client.ts'
import { wholeRequest } from '../client/whole-request.ts'
import { clean } from '../render/clean.ts'
import { Conversation } from '../render/conversation.ts'
import { answerHint, permissionText } from '../render/permission.ts'
import { isInteractive, note, printJson, stdoutColors, write } from '../terminal.ts'
import { ANSWERED, ask } from './ask.ts'

/** Time for a request's event to arrive after the status that announces the request, in ms. */
const NEW_MS = 5000
/** The same for requests from before the agent was watched, whose events usually do not come. */
const KNOWN_MS = 1000

export interface ViewOptions {
  json?: boolean | undefined
  /** Aborted by Ctrl-C, here at a question. */
  over: AbortController
}

/** Shows an agent's activity as it comes; on a terminal asks there what the agent asks. */
export class View {
  readonly #client: HubClient
  readonly #agentId: string
  readonly #options: ViewOptions
  readonly #interactive: boolean
  readonly #conversation = new Conversation(stdoutColors())
  /** Requests whose text is on the screen, and those that somebody was asked for. */
  readonly #shown = new Set<string>()
  readonly #asked = new Set<string>()
  /** Requests that a status announced before their events, and whether these may still come. */
  readonly #announced = new Map<string, boolean>()
  #pending: PermissionRequest[] = []
  #patienceMs = KNOWN_MS
  #asking: { request: PermissionRequest; gone: AbortController; done: Promise<void> } | undefined
  /** What came while a question was on the screen. */
  #held: string[] = []
  #machineAway = false

  constructor(client: HubClient, agentId: string, options: ViewOptions) {
    this.#client = client
    this.#agentId = agentId
    this.#options = options
    this.#interactive = !options.json && isInteractive()
  }

  activity(event: Event) {
    const request = event.kind === 'permission_request' ? event.request_id : undefined
    if (this.#options.json) printJson(event)
    // A request is on the screen already if its event came long after its status.
    else if (request === undefined || !this.#shown.has(request)) this.#write(this.#conversation.event(event))
    if (request === undefined) return
    this.#shown.add(request)
    this.#askNext()
  }

  status(agent: HubAgent) {
    this.#pending = agent.pending
    if (!agent.connected !== this.#machineAway) {
      this.#machineAway = !agent.connected
      this.#say(
        this.#machineAway
          ? 'The machine is not connected: waiting for it.'
          : 'The machine is connected again.',
      )
    }
    if (this.#asking && !this.#isPending(this.#asking.request.request_id)) this.#asking.gone.abort(ANSWERED)
    this.#askNext()
    this.#patienceMs = NEW_MS
  }

  connection(problem: UserError | undefined) {
    this.#say(
      problem ? `The connection to the hub is lost (${problem.message}) Trying again…` : 'Connected again.',
    )
  }

  /** Takes back a question that is on the screen. */
  async close() {
    this.#pending = []
    this.#asking?.gone.abort()
    await this.#asking?.done
    this.#write(this.#conversation.interrupt())
  }

  #isPending = (requestId: string) => this.#pending.some(({ request_id }) => request_id === requestId)

  #askNext(): void {
    const request = this.#pending.find(({ request_id }) => !this.#asked.has(request_id))
    if (!request || this.#asking || this.#mayStillCome(request)) return
    this.#asked.add(request.request_id)
    if (!this.#interactive) {
      this.#say(`The agent waits for an answer: ${answerHint(this.#agentId, request)}`)
      this.#askNext()
      return
    }
    this.#write(this.#conversation.interrupt())
    const gone = new AbortController()
    const done = this.#show(request, gone.signal)
      // Somebody may have answered while it was looked for.
      .then(() =>
        gone.signal.aborted
          ? undefined
          : ask(this.#client, this.#agentId, request, { signal: gone.signal, over: this.#options.over }),
      )
      .catch((error: unknown) => {
        const { message, remedy = '' } =
          error instanceof UserError ? error : new UserError('internal', String(error))
        note(clean(`  ${message} ${remedy}`.trimEnd()))
      })
      .then(() => {
        this.#asking = undefined
        for (const text of this.#held.splice(0)) write(text)
        this.#askNext()
      })
    this.#asking = { request, gone, done }
  }

  /** Whether the request's event, and what led to it, are probably on their way: they are shown before it is asked. */
  #mayStillCome({ request_id }: PermissionRequest): boolean {
    if (this.#shown.has(request_id)) return false
    const mayCome = this.#announced.get(request_id)
    if (mayCome !== undefined) return mayCome
    this.#announced.set(request_id, true)
    // Not measured by the system's clock: after it was set back, the request would not be asked.
    setTimeout(() => {
      this.#announced.set(request_id, false)
      this.#askNext()
    }, this.#patienceMs)
    return true
  }

  /** Writes what is asked, unless it is on the screen already. */
  async #show(request: PermissionRequest, signal: AbortSignal) {
    if (this.#shown.has(request.request_id)) return
    this.#shown.add(request.request_id)
    // Without the hub, the text says that the input is missing.
    const whole = await wholeRequest(this.#client, this.#agentId, request, { signal }).catch(() => request)
    write(`${permissionText(whole, stdoutColors())}\n`)
  }

  #write(text: string) {
    if (this.#asking) this.#held.push(text)
    else write(text)
  }

  #say(text: string) {
    this.#write(this.#conversation.interrupt())
    note(clean(text))
  }
}
