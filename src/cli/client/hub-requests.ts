import type { IncomingMessage } from 'node:http'
import type * as z from 'zod/mini'
import type { HubAddress } from '../../config/hub.ts'
import { textOf } from '../../platform/http.ts'
import { faultOf } from '../../protocol/index.ts'
import { check } from '../../protocol/schema-check.ts'
import { jsonOf } from './answer.ts'
import { bodyOf, send } from './http.ts'
import { failureOf, notUnderstood, tooOld, unreachable } from './hub-failures.ts'
import { type SseMessage, SseParser } from './sse.ts'

/** Maximum time for an answer, in ms, added to the time that the request tells the hub to wait. */
const ANSWER_MS = 15_000
/** Maximum size of a JSON answer, in bytes. The longest is a page of events of up to 32 MiB each. */
const ANSWER_BYTES = 256 * 1024 * 1024

export interface HubRequest {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  body?: object
  /** Time that the request tells the hub to wait, in seconds. */
  waitS?: number
  /** Name of the feature that a hub lacks if it does not know the request. */
  lacking?: string
}

/** Sends requests to a hub, with its key, and reads the answers. Every method throws UserError. */
export class HubRequests {
  readonly #at: HubAddress

  constructor(at: HubAddress) {
    this.#at = at
  }

  /** Returns the answer to a request, checked. */
  async json<T>(path: string, schema: z.ZodMiniType<T>, request: HubRequest = {}): Promise<T> {
    const { waitS = 0, lacking } = request
    const signal = AbortSignal.timeout(waitS * 1000 + ANSWER_MS)
    const response = await this.#send(path, request, {}, signal)
    const text = await this.#text(response, ANSWER_BYTES, signal)
    // 422 carries the outcome of a failed command, which says why it failed.
    if (isOk(response) || response.statusCode === 422) return this.read(schema, text)
    const failure = failureOf(this.#at.url, response, jsonOf(text))
    throw lacking !== undefined && failure.code === 'not_found' ? tooOld(this.#at.url, lacking) : failure
  }

  /** Returns an answer of up to `most` bytes as text; undefined if the hub refuses the request. */
  async text(path: string, most: number): Promise<string | undefined> {
    const signal = AbortSignal.timeout(ANSWER_MS)
    const response = await this.#send(path, {}, {}, signal)
    if (isOk(response)) return await this.#text(response, most, signal)
    response.destroy()
    return undefined
  }

  /**
   * Yields server-sent events until the connection ends for any reason.
   * @param after id of the event to continue after
   */
  async *events(path: string, after: string | undefined, signal: AbortSignal): AsyncGenerator<SseMessage> {
    const headers = { accept: 'text/event-stream', ...(after !== undefined && { 'last-event-id': after }) }
    const response = await this.#send(path, {}, headers, signal)
    if (!isOk(response))
      throw failureOf(this.#at.url, response, jsonOf(await this.#text(response, ANSWER_BYTES, signal)))
    const parser = new SseParser()
    for await (const chunk of bodyOf(response)) yield* this.#messages(parser, chunk)
  }

  /** Reads a message of a stream. */
  read<T>(schema: z.ZodMiniType<T>, text: string): T {
    const parsed = check(schema, jsonOf(text))
    if (parsed.success) return parsed.data
    throw notUnderstood(this.#at.url, faultOf(parsed.error).message)
  }

  #messages(parser: SseParser, chunk: Buffer): SseMessage[] {
    try {
      return parser.push(chunk)
    } catch (error) {
      throw notUnderstood(this.#at.url, (error as Error).message)
    }
  }

  async #send(
    path: string,
    { method = 'GET', body }: HubRequest,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const { url, key, listens, socket, owner } = this.#at
    try {
      return await send(url + path, {
        method,
        signal,
        fingerprint256: listens?.fingerprint256,
        socket,
        owner,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body && { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body && JSON.stringify(body),
      })
    } catch (error) {
      throw unreachable(url, error)
    }
  }

  async #text(response: IncomingMessage, most: number, signal: AbortSignal): Promise<string> {
    try {
      return await textOf(response, { most, signal })
    } catch (error) {
      throw unreachable(this.#at.url, error)
    }
  }
}

const isOk = ({ statusCode = 0 }: IncomingMessage) => statusCode >= 200 && statusCode < 300
