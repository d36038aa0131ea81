import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Event, HubAgent, HubMachine } from '../../src/protocol/index.ts'
import { SseReader } from '../support/sse-reader.ts'

const TIMEOUT_MS = 4000
const PAGE = 1000
const RETRY_MS = 200

export interface Answer {
  status: number
  body: unknown
}

/**
 * The hub's HTTP API. Each request has its own connection, so a connection that stays open is the hub's
 * fault.
 */
export class Api {
  /**
   * Time for which unanswered requests for data are repeated, in milliseconds. A machine under load may not answer a
   * single request in time.
   */
  patienceMs = 0
  readonly #port: number
  readonly #key: () => string

  constructor(port: number, key: () => string) {
    this.#port = port
    this.#key = key
  }

  /** Sends a request. @throws if no answer arrives */
  send(method: string, path: string, body?: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port: this.#port,
          method,
          path,
          agent: false,
          headers: { authorization: `Bearer ${this.#key()}`, 'content-type': 'application/json' },
          signal: AbortSignal.timeout(TIMEOUT_MS),
        },
        (incoming) => {
          const chunks: Buffer[] = []
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
          incoming.on('error', reject)
          incoming.on('end', () => {
            try {
              resolve({ status: incoming.statusCode!, body: JSON.parse(Buffer.concat(chunks).toString()) })
            } catch (error) {
              reject(error)
            }
          })
        },
      )
      outgoing.on('error', reject)
      outgoing.end(body && JSON.stringify(body))
    })
  }

  /** Sends a request for data, and repeats it until an answer arrives. @throws if no answer arrives */
  async ask(path: string): Promise<Answer> {
    for (const deadline = performance.now() + this.patienceMs; ; await sleep(RETRY_MS))
      try {
        return await this.send('GET', path)
      } catch (error) {
        if (performance.now() > deadline) throw error
      }
  }

  async machines(): Promise<HubMachine[]> {
    return (await this.#get<{ machines: HubMachine[] }>('/api/machines')).machines
  }

  async agents(): Promise<HubAgent[]> {
    return (await this.#get<{ agents: HubAgent[] }>('/api/agents')).agents
  }

  /** Returns all events of an agent after the event `after`. */
  async events(agentId: string, after = ''): Promise<Event[]> {
    const events: Event[] = []
    for (let next: string | undefined = after; next !== undefined; ) {
      const page: { events: Event[]; next?: string } = await this.#get(
        `/api/agents/${agentId}/events?limit=${PAGE}${next && `&after=${next}`}`,
      )
      events.push(...page.events)
      next = page.next
    }
    return events
  }

  /** Follows an agent's stream after the event `after`. */
  stream(agentId: string, after: string): Promise<SseReader> {
    return SseReader.open(`http://127.0.0.1:${this.#port}/api/agents/${agentId}/stream`, {
      authorization: `Bearer ${this.#key()}`,
      ...(after && { 'last-event-id': after }),
    })
  }

  async #get<T>(path: string): Promise<T> {
    const { status, body } = await this.ask(path)
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`)
    return body as T
  }
}
