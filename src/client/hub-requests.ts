import type * as z from 'zod/mini'
import type { CommandError } from '../protocol/errors.ts'
import { faultOf } from '../protocol/fault.ts'
import { check, checkOnce, LONG_CHARS } from '../protocol/schema-check.ts'
import { textOf, untilBroken } from './body.ts'
import { failureOf, type HubFailure, notUnderstood, refused, tooOld, unreachable } from './hub-failure.ts'
import { jsonOf } from './json-of.ts'
import { type SseMessage, SseParser } from './sse.ts'
import type { Transport, TransportRequest, TransportResponse } from './transport.ts'

/** Maximum time until an answer, in ms. The time for which the hub was asked to wait is added. */
const ANSWER_MS = 15_000
/**
 * Maximum size of a JSON answer, in bytes. The longest answer is a page of events. Each event can have up to
 * 32 MiB.
 */
const ANSWER_BYTES = 256 * 1024 * 1024

/**
 * Time without a message after which a stream ends, in ms. Hubs send keep-alive messages every 15 seconds. A device
 * that changes its network would otherwise wait for the old connection for a long time.
 */
const SILENCE_MS = 45_000

export interface HubRequest {
  method?: TransportRequest['method']
  body?: object
  /** Time for which the request asks the hub to wait, in seconds. */
  waitS?: number
  /** Name of the requested feature, for the error message of a hub that is too old for this feature. */
  lacking?: string
}

export interface EventsOptions {
  /** Id of the event to continue after. */
  after?: string | undefined
  signal: AbortSignal
  /** Called when the hub answers, and whenever it has sent something. */
  arrived?: (() => void) | undefined
}

/** Converts a failure into the error that a client throws. */
export type ErrorFor = (failure: HubFailure) => Error

/**
 * Sends requests to a hub and reads the answers, with limits on time and size. The methods throw the errors
 * that `errorFor` returns.
 */
export class HubRequests {
  readonly #transport: Transport
  readonly #errorFor: ErrorFor

  constructor(transport: Transport, errorFor: ErrorFor) {
    this.#transport = transport
    this.#errorFor = errorFor
  }

  /** Returns the answer to a request, after checking it against the schema. */
  async json<T>(path: string, schema: z.ZodMiniType<T>, request: HubRequest = {}): Promise<T> {
    const { waitS = 0, lacking } = request
    const signal = AbortSignal.timeout(waitS * 1000 + ANSWER_MS)
    const response = await this.#send(path, request, {}, signal)
    const text = await this.#text(response, ANSWER_BYTES, signal)
    // If a command failed, the answer has status 422, and contains the command's outcome with the reason.
    if (isOk(response) || response.status === 422)
      return this.#checked(schema, text, text.length < LONG_CHARS ? checkOnce : check)
    const failure = failureOf(this.#url, response.status, jsonOf(text))
    const isTooOld = lacking !== undefined && failure.code === 'not_found'
    throw this.#errorFor(isTooOld ? tooOld(this.#url, lacking) : failure)
  }

  /** Returns the text of an answer of up to `most` bytes; undefined if the hub refuses the request. */
  async text(path: string, most: number): Promise<string | undefined> {
    const signal = AbortSignal.timeout(ANSWER_MS)
    const response = await this.#send(path, {}, {}, signal)
    if (isOk(response)) return await this.#text(response, most, signal)
    response.discard()
    return undefined
  }

  /** Yields server-sent events until the connection ends. @throws the failure if it is silent for too long */
  async *events(path: string, { after, signal, arrived }: EventsOptions): AsyncGenerator<SseMessage> {
    const headers = { accept: 'text/event-stream', ...(after !== undefined && { 'last-event-id': after }) }
    const connection = new AbortController()
    const stop = () => connection.abort(signal.reason)
    const silent = () => connection.abort(new DOMException('nothing arrives', 'TimeoutError'))
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    let silence = setTimeout(silent, SILENCE_MS)
    try {
      const response = await this.#send(path, {}, headers, connection.signal)
      if (!isOk(response)) {
        const text = await this.#text(response, ANSWER_BYTES, signal)
        throw this.#errorFor(failureOf(this.#url, response.status, jsonOf(text)))
      }
      arrived?.()
      const parser = new SseParser()
      clearTimeout(silence)
      silence = setTimeout(silent, SILENCE_MS)
      for await (const chunk of untilBroken(response)) {
        // The time that the caller takes does not count.
        clearTimeout(silence)
        arrived?.()
        yield* this.#messages(parser, chunk)
        silence = setTimeout(silent, SILENCE_MS)
      }
      if (connection.signal.aborted && !signal.aborted)
        throw this.#errorFor(unreachable(this.#url, connection.signal.reason))
    } finally {
      clearTimeout(silence)
      signal.removeEventListener('abort', stop)
    }
  }

  /** Reads a message of a stream. */
  read<T>(schema: z.ZodMiniType<T>, text: string): T {
    return this.#checked(schema, text, check)
  }

  #checked<T>(schema: z.ZodMiniType<T>, text: string, checker: typeof check): T {
    const parsed = checker(schema, jsonOf(text), text.length)
    if (parsed.success) return parsed.data
    throw this.#errorFor(notUnderstood(this.#url, faultOf(parsed.error).message))
  }

  /** Returns the error for a command that the hub refused. */
  refused(error: CommandError | undefined): Error {
    return this.#errorFor(refused(error))
  }

  get #url(): string {
    return this.#transport.url
  }

  #messages(parser: SseParser, chunk: Uint8Array): SseMessage[] {
    try {
      return parser.push(chunk)
    } catch (error) {
      throw this.#errorFor(notUnderstood(this.#url, (error as Error).message))
    }
  }

  async #send(
    path: string,
    { method = 'GET', body }: HubRequest,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<TransportResponse> {
    try {
      return await this.#transport.send({
        method,
        path,
        headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
        body: body && JSON.stringify(body),
        signal,
      })
    } catch (error) {
      throw this.#errorFor(unreachable(this.#url, error))
    }
  }

  async #text(response: TransportResponse, most: number, signal: AbortSignal): Promise<string> {
    try {
      return await textOf(response, { most, signal })
    } catch (error) {
      throw this.#errorFor(unreachable(this.#url, error))
    }
  }
}

const isOk = ({ status }: TransportResponse) => status >= 200 && status < 300
