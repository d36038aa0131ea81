import { UserError } from '../../platform/errors.ts'
import type { Event, HubAgent, PermissionRequest } from '../../protocol/index.ts'
import type { HubClient } from '../client/hub-client.ts'
import { wholeRequest } from '../client/whole-request.ts'
import { Conversation } from '../render/conversation.ts'
import { answerHint, permissionText } from '../render/permission.ts'
import { isInteractive, note, printJson, stdoutColors, write } from '../terminal.ts'
import { ANSWERED, ask } from './ask.ts'

/** For a request's event to come behind the status that tells of it. */
const EVENT_MS = 1000

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
  /** Requests whose events have not come yet, and until when they are waited for. */
  readonly #awaited = new Map<string, number>()
  #pending: PermissionRequest[] = []
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
    if (this.#options.json) return printJson(event)
    if (event.kind === 'permission_request') {
      // A status may come before the event that it is about.
      if (this.#shown.has(event.request_id)) return
      this.#shown.add(event.request_id)
    }
    this.#write(this.#conversation.event(event))
    if (event.kind === 'permission_request') this.#askNext()
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
      .catch((error: unknown) => note(`  ${error instanceof UserError ? error.message : String(error)}`))
      .then(() => {
        this.#asking = undefined
        for (const text of this.#held.splice(0)) write(text)
        this.#askNext()
      })
    this.#asking = { request, gone, done }
  }

  /** Whether the request's event, and what leads to it, are probably on their way: they are shown before it is asked. */
  #mayStillCome({ request_id }: PermissionRequest): boolean {
    if (this.#shown.has(request_id)) return false
    const until = this.#awaited.get(request_id)
    if (until !== undefined) return Date.now() < until
    this.#awaited.set(request_id, Date.now() + EVENT_MS)
    setTimeout(() => this.#askNext(), EVENT_MS)
    return true
  }

  /** Writes what is asked, unless it is on the screen already. */
  async #show(request: PermissionRequest, signal: AbortSignal) {
    if (this.#shown.has(request.request_id)) return
    this.#shown.add(request.request_id)
    // Without the hub it is said that the text is not here.
    const whole = await wholeRequest(this.#client, this.#agentId, request, { signal }).catch(() => request)
    write(`${permissionText(whole, stdoutColors())}\n`)
  }

  #write(text: string) {
    if (this.#asking) this.#held.push(text)
    else write(text)
  }

  #say(text: string) {
    this.#write(this.#conversation.interrupt())
    note(text)
  }
}
