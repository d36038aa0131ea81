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
    let rest = ''
    for await (const chunk of response.body!) {
      rest += decoder.decode(chunk as Uint8Array, { stream: true })
      const parts = rest.split('\n\n')
      rest = parts.pop()!
      for (const part of parts) {
        const fields = new Map(part.split('\n').map((line) => line.split(/: (.*)/, 2) as [string, string]))
        const data = fields.get('data')
        if (data !== undefined)
          this.messages.push({ event: fields.get('event')!, id: fields.get('id'), data: JSON.parse(data) })
      }
    }
  }
}
