import { setTimeout as sleep } from 'node:timers/promises'
import type { Outcome } from '../../src/protocol/index.ts'
import { until } from '../support/wait.ts'
import type { Api } from './api.ts'

type Kind =
  | 'start'
  | 'prompt'
  | 'withdraw'
  | 'interrupt'
  | 'permission'
  | 'configure'
  | 'stop'
  | 'resume'
  | 'remove'

/** A command with an id that the driver chose. The driver sends the command until the hub answers. */
export interface Issued {
  id: string
  kind: Kind
  agent: string
  body: Record<string, unknown>
  /** Digest of the prompt in this command. */
  digest?: string
  /** Id of the request that a permission command answers. */
  request?: string
  /** Id of the command whose prompt a command withdraws. */
  withdrawn?: string
  /** `open`: it is unknown whether the hub has accepted the command. */
  state: 'open' | 'accepted' | 'refused'
  /** Time of the first attempt, and time when the outcome arrived, in ms since 1970. */
  given: number
  heard?: number
  refusal?: string
  outcome?: Outcome
  /** True if the hub accepted the command but no longer knows it: the outcome is lost. */
  forgotten?: boolean
}

/** Number of outcomes to request at a time. */
const ASKED = 20
const RETRY_MS = 300

/**
 * Commands. Each command is sent until the hub has accepted or refused it. An accepted command is queried
 * until the hub returns its outcome.
 */
export class Orders {
  readonly issued: Issued[] = []
  readonly #api: Api
  readonly #sending = new Set<Promise<void>>()
  /** Accepted commands, oldest first. */
  readonly #unanswered = new Set<Issued>()
  #count = 0

  constructor(api: Api) {
    this.#api = api
  }

  /** Id of the next command. */
  get nextId() {
    return `c${this.#count + 1}`
  }

  /** Number of commands that the hub has neither accepted nor refused so far. */
  get inFlight() {
    return this.#sending.size
  }

  /** Requests the outcomes of some commands. */
  async look() {
    for (const issued of [...this.#unanswered].slice(0, ASKED)) await this.#ask(issued)
  }

  /** Waits until every command has an outcome or was refused. */
  async settled(patienceMs: number) {
    await Promise.all(this.#sending)
    for (const issued of [...this.#unanswered])
      await until(() => this.#ask(issued, 1), {
        timeoutMs: patienceMs,
        what: `the outcome of ${issued.kind} ${issued.id} of ${issued.agent}`,
      })
  }

  /**
   * Requests an outcome, and waits up to `wait` seconds for it.
   * @returns true if there is nothing left to request
   */
  async #ask(issued: Issued, wait = 0): Promise<boolean> {
    const { status, body } = await this.#api.ask(`/api/commands/${issued.id}?wait=${wait}`)
    if (status === 404) issued.forgotten = true
    else if (status === 200 || status === 422) hear(issued, body as Outcome)
    else return false
    this.#unanswered.delete(issued)
    return true
  }

  give(kind: Kind, agent: string, { prompt_sha256, withdrawn, ...body }: Record<string, unknown>) {
    const id = `c${++this.#count}`
    const issued: Issued = {
      id,
      kind,
      agent,
      body: { command_id: id, ...body },
      state: 'open',
      given: Date.now(),
      ...(typeof prompt_sha256 === 'string' && { digest: prompt_sha256 }),
      ...(typeof body.request_id === 'string' && { request: body.request_id }),
      ...(typeof withdrawn === 'string' && { withdrawn }),
    }
    this.issued.push(issued)
    this.send(issued)
  }

  send(issued: Issued) {
    const sending = this.#insist(issued).finally(() => this.#sending.delete(sending))
    this.#sending.add(sending)
  }

  async #insist(issued: Issued) {
    const path = issued.kind === 'start' ? '/api/agents' : `/api/agents/${issued.agent}/${issued.kind}`
    for (;;) {
      const answer = await this.#api.send('POST', `${path}?wait=0`, issued.body).catch(() => undefined)
      if (answer && [200, 202, 422].includes(answer.status)) {
        issued.state = 'accepted'
        hear(issued, answer.body as Outcome)
        if (issued.outcome?.state === 'pending') this.#unanswered.add(issued)
        else this.#unanswered.delete(issued)
        return
      }
      // The hub is busy or not running, or its disk is full: send the same command again.
      const soon = !answer || answer.status === 429 || answer.status >= 500
      if (!soon) {
        // The hub may have accepted the command earlier, and the command's agent may be gone by now.
        if (issued.state === 'open') issued.state = 'refused'
        issued.refusal = JSON.stringify(answer.body)
        return
      }
      await sleep(RETRY_MS)
    }
  }
}

function hear(issued: Issued, outcome: Outcome) {
  issued.outcome = outcome
  if (outcome.state !== 'pending') issued.heard ??= Date.now()
}
