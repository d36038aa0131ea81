import { createParser } from 'eventsource-parser'
import { until } from './wait.ts'

export interface SseMessage {
  event: string
  id: string | undefined
  data: unknown
}

/** Follows a stream of server-sent events, and keeps its messages. */
export class SseReader {
  readonly messages: SseMessage[] = []
  ended = false
  readonly #abort: AbortController

  private constructor(response: Response, abort: AbortController) {
    this.#abort = abort
    void this.#read(response)
      .catch(() => {})
      .finally(() => {
        this.ended = true
      })
  }

  static async open(url: string, headers: Record<string, string>): Promise<SseReader> {
    const abort = new AbortController()
    const response = await fetch(url, { headers, signal: abort.signal })
    if (response.headers.get('content-type') !== 'text/event-stream')
      throw new Error(`HTTP ${response.status}`)
    return new SseReader(response, abort)
  }

  of(event: string): SseMessage[] {
    return this.messages.filter((message) => message.event === event)
  }

  /** Waits for the `count`-th message of a kind. */
  async received(event: string, count = 1): Promise<SseMessage> {
    return until(() => this.of(event)[count - 1], { what: `${event} number ${count}` })
  }

  close() {
    this.#abort.abort()
  }

  async #read(response: Response) {
    const decoder = new TextDecoder()
    const parser = createParser({
      onEvent: ({ event = 'message', id, data }) => this.messages.push({ event, id, data: JSON.parse(data) }),
    })
    for await (const chunk of response.body!)
      parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }))
  }
}
