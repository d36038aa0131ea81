import type { HubClient } from '../../client/hub-client.ts'
import { isSame } from '../../client/same-request.ts'
import { wholeRequest } from '../../client/whole-request.ts'
import { UserError } from '../../platform/errors.ts'
import type { Event, HubAgent, PermissionRequest } from '../../protocol/index.ts'
import { noteBeside } from '../prompt.ts'
import { limitedText } from '../render/agents.ts'
import { clean } from '../render/clean.ts'
import { Conversation } from '../render/conversation.ts'
import type { Lexing } from '../render/markdown/spans.ts'
import { answerHint } from '../render/permission.ts'
import { isInteractive, note, printJson, stdoutColors, stdoutWidth, write } from '../terminal.ts'
import { ANSWERED, askUser, CHANGED } from './ask-user.ts'
import { nameOf } from './pick-request.ts'
import { whyUnanswerable } from './why-unanswerable.ts'

/** Maximum time between the status that announces a request and the request's event, in ms. */
const NEW_MS = 5000
/**
 * The same maximum for requests that were already open when watching began, in ms. The events of these
 * requests usually do not arrive.
 */
const KNOWN_MS = 1000

export interface ViewOptions {
  json?: boolean | undefined
  /** Reads the agent's texts as Markdown. By default, they are written unchanged. */
  lexing?: Lexing | undefined
  /** Aborted at Ctrl-C while a question is open. */
  over: AbortController
}

/** Shows an agent's activity as it arrives. On a terminal, asks the user to answer the agent's requests. */
export class View {
  readonly #client: HubClient
  readonly #agentId: string
  readonly #options: ViewOptions
  readonly #interactive: boolean
  readonly #conversation: Conversation
  /** Requests whose events have arrived. */
  readonly #seen = new Requests()
  /** Requests that the user was asked about. */
  readonly #asked = new Requests()
  /** Requests that a status announced before their events arrived. True while the event may still arrive. */
  readonly #announced = new Map<string, boolean>()
  /** The request shown last on the screen, and the width of the screen at that time. */
  #last: { request: PermissionRequest; width: number | undefined } | undefined
  #pending: PermissionRequest[] = []
  /** A request that the user was not asked about, because the hub did not have all of it. */
  #unshown: PermissionRequest | undefined
  #patienceMs = KNOWN_MS
  #asking: { request: PermissionRequest; gone: AbortController; done: Promise<void> } | undefined
  /** Output to print later, because a question is on the screen. */
  #held: { text: string; request: PermissionRequest | undefined }[] = []
  #machineAway = false
  /** Number of requests that the agent's last status left out. */
  #unlisted = 0
  /** The last text shown about a usage limit. */
  #limited: string | undefined

  constructor(client: HubClient, agentId: string, options: ViewOptions) {
    this.#client = client
    this.#agentId = agentId
    this.#options = options
    this.#conversation = new Conversation(stdoutColors(), stdoutWidth, options.lexing)
    this.#interactive = !options.json && isInteractive()
  }

  activity(event: Event) {
    const request = event.kind === 'permission_request' ? event : undefined
    if (this.#options.json) printJson(event)
    // If the event arrives long after the status, the request is already on the screen.
    else if (!request || !this.#seen.has(request)) this.#write(this.#conversation.event(event), request)
    if (!request) return
    this.#seen.add(request)
    if (this.#unshown && isSame(this.#unshown, request)) {
      this.#asked.delete(request)
      this.#unshown = undefined
    }
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
    this.#sayUnlisted(agent)
    const limited = limitedText(agent)
    if (limited !== undefined && limited !== this.#limited) this.#say(limited)
    this.#limited = limited
    const asking = this.#asking
    if (asking && !this.#pending.some((request) => isSame(request, asking.request)))
      asking.gone.abort(
        this.#pending.some(({ request_id }) => request_id === asking.request.request_id) ? CHANGED : ANSWERED,
      )
    this.#askNext()
    this.#patienceMs = NEW_MS
  }

  #sayUnlisted({ pending_omitted = 0 }: HubAgent) {
    if (pending_omitted > this.#unlisted)
      this.#say(
        `The hub does not list ${pending_omitted === 1 ? '1 open request' : `${pending_omitted} open requests`} of the agent. To read and answer: fomular-daemon agent show ${this.#agentId}`,
      )
    this.#unlisted = pending_omitted
  }

  connection(problem: Error | undefined) {
    this.#say(
      problem ? `Lost the connection to the hub (${problem.message}) Reconnecting…` : 'Connected again.',
    )
  }

  /** Withdraws the open question and ends the output. */
  async close() {
    this.#pending = []
    this.#asking?.gone.abort()
    await this.#asking?.done
    this.#write(this.#conversation.interrupt())
  }

  #askNext(): void {
    const request = this.#pending.find((one) => !this.#asked.has(one))
    if (!request || this.#asking || this.#mayStillCome(request)) return
    this.#asked.add(request)
    if (!this.#interactive) {
      // The event showed the request with its input, even if the status omits the input.
      const hint = this.#seen.has(request)
        ? answerHint(this.#agentId, { ...request, input_omitted: false })
        : `fomular-daemon agent show ${this.#agentId}`
      this.#say(`The agent waits for an answer: ${hint}`)
      this.#askNext()
      return
    }
    this.#write(this.#conversation.interrupt())
    const gone = new AbortController()
    const done = this.#ask(request, gone.signal)
      .catch((error: unknown) => {
        const { message, remedy = '' } =
          error instanceof UserError ? error : new UserError('internal', String(error))
        note(clean(`  ${message} ${remedy}`.trimEnd()))
      })
      .then(() => {
        this.#asking = undefined
        this.#last = undefined
        for (const { text, request } of this.#held.splice(0)) this.#write(text, request)
        this.#askNext()
      })
    this.#asking = { request, gone, done }
  }

  async #ask(request: PermissionRequest, signal: AbortSignal) {
    const { request: last, width } = this.#last ?? {}
    // Without a digest, this may be another request with the same id.
    const isLast = last?.request_id === request.request_id && last.digest === request.digest
    const onScreen = isLast && request.digest !== undefined && width === stdoutWidth()
    this.#seen.add(request)
    const whole = await wholeRequest(this.#client, this.#agentId, request, { signal }).catch(() => request)
    // Another person may have answered during the search.
    if (signal.aborted) return
    if (whole.input_omitted) {
      this.#unshown = request
      this.#seen.delete(request)
    }
    const fault = whyUnanswerable(
      this.#agentId,
      whole,
      'You will be asked when the hub has the whole request.',
    )
    if (fault) throw fault
    const { over } = this.#options
    await askUser(this.#client, this.#agentId, whole, { signal, over, onScreen })
  }

  /** Reports whether the request's event may still arrive. Earlier activity is shown before the question. */
  #mayStillCome(request: PermissionRequest): boolean {
    if (this.#seen.has(request)) return false
    const name = nameOf(request)
    const mayCome = this.#announced.get(name)
    if (mayCome !== undefined) return mayCome
    this.#announced.set(name, true)
    // Use a timer and not the system clock: if the clock were set back, the question would never appear.
    setTimeout(() => {
      this.#announced.set(name, false)
      this.#askNext()
    }, this.#patienceMs)
    return true
  }

  #write(text: string, request?: PermissionRequest) {
    if (this.#asking) {
      this.#held.push({ text, request })
      return
    }
    if (text === '') return
    this.#last = request && { request, width: stdoutWidth() }
    write(text)
  }

  #say(text: string) {
    this.#write(this.#conversation.interrupt())
    this.#last = undefined
    noteBeside(clean(text))
  }
}

/** Set of requests by id, each with its last digest. */
class Requests {
  readonly #known = new Map<string, Pick<PermissionRequest, 'request_id' | 'digest'>>()

  has(request: PermissionRequest): boolean {
    const known = this.#known.get(request.request_id)
    return known !== undefined && isSame(known, request) && known.digest === request.digest
  }

  add({ request_id, digest }: PermissionRequest) {
    this.#known.set(request_id, { request_id, digest })
  }

  delete({ request_id }: PermissionRequest) {
    this.#known.delete(request_id)
  }
}
