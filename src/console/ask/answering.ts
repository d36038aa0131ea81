import type { HubClient } from '../../client/hub-client.ts'
import { entryOf, type Offer } from '../../client/offers.ts'
import type { FormAnswer } from '../../protocol/form.ts'
import type { PermissionRequest } from '../../protocol/permission.ts'
import { unanswerable } from '../../protocol/unanswerable.ts'

/** Maximum time until the agent accepts an answer, in seconds. */
const ANSWER_WAIT_S = 30

/**
 * Maximum length of a request that a person can allow here, in characters of JSON. A browser takes long to show a longer
 * text, and nobody reads it.
 */
export const REQUEST_CHARS = 1_000_000

/** An offer to remember, as a person has chosen it. */
export interface ChosenOffer {
  offer: Offer
  /** True to save it in the file that the offer names. */
  save: boolean
}

/** Returns why a request can only be refused; undefined if it can be allowed. */
export function onlyRefused(request: PermissionRequest): string | undefined {
  if (request.input_omitted) return 'The hub does not have the whole request yet.'
  if (request.cut) return 'The request is incomplete: it was too long and was cut.'
  if (JSON.stringify(request).length > REQUEST_CHARS)
    return 'The request is too long for this page. `fomular-daemon agent watch` shows all of it.'
  return unanswerable(request)
}

/** Gives the answers to one request of one agent. The methods throw a HubFailure. */
export class Answering {
  readonly #hub: HubClient
  readonly #agentId: string
  readonly #request: PermissionRequest
  readonly #onSending: (isSending: boolean) => void

  /** @param onSending called with true before an answer is sent, and with false if it fails */
  constructor(
    hub: HubClient,
    agentId: string,
    request: PermissionRequest,
    onSending: (isSending: boolean) => void = () => {},
  ) {
    this.#hub = hub
    this.#agentId = agentId
    this.#request = request
    this.#onSending = onSending
  }

  allow(chosen: ChosenOffer[] = []): Promise<void> {
    const remember = chosen.map(({ offer, save }) => entryOf(offer, save))
    // A signed decision names what the person has seen.
    const seen = this.#hub.signs ? { tool: this.#request.tool, input: this.#request.input } : {}
    return this.#send('permission', {
      decision: 'allow',
      ...seen,
      ...(remember.length > 0 && { remember }),
    })
  }

  /** @param interrupt true to end the turn as well */
  deny({ message, interrupt }: { message: string; interrupt: boolean }): Promise<void> {
    return this.#send('permission', {
      decision: 'deny',
      // Forms have no place for a message.
      ...(message.trim() !== '' && !this.#request.form && { message: message.trim() }),
      ...(interrupt && { interrupt }),
    })
  }

  answer(answers: Record<string, FormAnswer>): Promise<void> {
    return this.#send('answer', { answers })
  }

  /** Closes a form without an answer, or declines it. */
  leave(action: 'cancel' | 'decline'): Promise<void> {
    return this.#send('answer', { action })
  }

  async #send(command: 'permission' | 'answer', body: object): Promise<void> {
    const { request_id, digest } = this.#request
    const named = { request_id, ...(digest !== undefined && { digest }) }
    this.#onSending(true)
    try {
      await this.#hub.agentCommand(this.#agentId, command, { ...named, ...body }, ANSWER_WAIT_S)
    } catch (error) {
      this.#onSending(false)
      throw error
    }
  }
}
