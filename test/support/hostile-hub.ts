import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type * as z from 'zod/mini'
import * as protocol from '../../src/protocol/index.ts'
import { BARE, sampleOf, VARIANTS } from './hostile.ts'
import type { Cleanup } from './temp.ts'

/** The requests of the API, with the type of each answer: `/api/agents/:agent_id` → `HubAgent`. */
const page = readFileSync(new URL('../../src/protocol/hub-api.ts', import.meta.url), 'utf8')
const routes = [...page.matchAll(/^ \* \| `(\w+) ([^`]+)` \| (.*) \|$/gm)].map(([, method, path, text]) => ({
  method: method!,
  path: new RegExp(
    `^${path!
      .replace(/\?.*/, '')
      .replace(/\{([^}]*)\}/, (_, names: string) => `(?:${names.replaceAll(',', '|')})`)
      .replace(/:\w+/, '([^/]+)')}$`,
  ),
  answer: (/→ (?:\d+ )?`([^`]+)`(?: and `([^`]+)`)?/.exec(text!)?.slice(1) ?? []).filter(Boolean),
}))

const schemas = protocol as unknown as Record<string, z.ZodMiniType>

/**
 * Returns a sample of a type in the notation of the page: `HubAgent`, `HubAgent[]`, or `{agents: HubAgent[],
 * next?: ID}`.
 */
function answerOf(type: string, variant: number): unknown {
  const fields = /^\{(.*)\}$/.exec(type)?.[1]
  if (fields !== undefined)
    return Object.fromEntries(
      fields
        .split(', ')
        .map((field) => field.split(': '))
        .filter(([name]) => !name!.endsWith('?'))
        .map(([name, of = '']) => [name, of === '' ? 1 : answerOf(of, variant)]),
    )
  if (type.endsWith('[]')) {
    const of = type.slice(0, -2)
    if (of === 'Event') return eventsOf(variant)
    return VARIANTS.map((each) => answerOf(of, each))
  }
  const schema = schemas[type]
  return schema ? sampleOf(schema, variant) : { [type]: 1 }
}

/** Returns every event and every request of one agent. */
const eventsOf = (variant: number) =>
  [variant, variant + VARIANTS.length].flatMap(
    (each) => (sampleOf(protocol.EventPage, each) as protocol.EventPage).events,
  )

export type Mood = 'succeeds' | 'fails' | 'breaks'

/** A hub that puts hostile text into every text field of the API. */
export class HostileHub {
  readonly url: string
  /** Outcome of commands. */
  mood: Mood = 'succeeds'
  /** Requests received so far that the API does not define. */
  readonly unknown: string[] = []

  private constructor(port: number) {
    this.url = `http://127.0.0.1:${port}`
  }

  static async open(t: Cleanup): Promise<HostileHub> {
    const server = createServer((request, response) => {
      request.resume()
      const { pathname } = new URL(request.url ?? '/', 'http://hub')
      hub.#answer(request.method ?? '', pathname, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      server.close()
      server.closeAllConnections()
    })
    const hub = new HostileHub((server.address() as AddressInfo).port)
    return hub
  }

  #answer(method: string, path: string, response: ServerResponse) {
    const send = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    const route = routes.find((each) => each.method === method && each.path.test(path))
    if (!route) this.unknown.push(`${method} ${path}`)
    const variant = Number(/^\/api\/agents\/a-(\d+)/.exec(path)?.[1] ?? 0)
    const error = sampleOf(protocol.CommandError, variant)
    if (!route || (this.mood === 'breaks' && method !== 'GET')) return send(500, { error })
    if (path.endsWith('/stream')) return follow(response, variant)
    const answer = Object.assign({}, ...route.answer.map((type) => answerOf(type, variant)))
    if (route.answer[0] !== 'Outcome') return send(200, answer)
    const { progress, error: _error, result: _result, ...outcome } = answer
    // The update is pending at first, and finished at the next request.
    if (path.endsWith('/update')) return send(202, { ...outcome, progress, state: 'pending' })
    const result = Object.fromEntries(
      Object.values(protocol.Results).flatMap((schema) =>
        Object.entries(sampleOf(schema, variant) as Record<string, unknown>),
      ),
    )
    if (this.mood === 'fails') send(422, { ...outcome, state: 'failed', error })
    else send(200, { ...outcome, state: 'succeeded', result })
  }
}

/** Sends every event of an agent, and the end of the stream. */
function follow(response: ServerResponse, variant: number) {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const tell = (event: string, data: unknown) =>
    response.write(`event: ${event}\nid: 1.1\ndata: ${JSON.stringify(data)}\n\n`)
  const agent = sampleOf(protocol.HubAgent, variant) as protocol.HubAgent
  tell('status', agent)
  for (const event of eventsOf(variant)) tell('activity', event)
  tell('status', { ...agent, state: variant === BARE ? 'failed' : 'exited', run: 1000 })
}
