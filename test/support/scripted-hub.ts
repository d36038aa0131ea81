import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Event, HubAgent } from '../../src/protocol/index.ts'
import type { Cleanup } from './temp.ts'

/**
 * A simulated hub with one agent, a-1. The test sets the agent's status. The hub accepts commands, but
 * answers none.
 */
export class ScriptedHub {
  readonly url: string
  readonly #readers: Set<ServerResponse>
  /** Paths of the received commands. */
  readonly commands: string[]
  #offset = 0

  private constructor(url: string, readers: Set<ServerResponse>, commands: string[]) {
    this.url = url
    this.#readers = readers
    this.commands = commands
  }

  static async open(t: Cleanup): Promise<ScriptedHub> {
    const readers = new Set<ServerResponse>()
    const commands: string[] = []
    const url = await serve(t, (request, response) => {
      const { pathname } = new URL(request.url ?? '/', 'http://hub')
      if (request.method === 'POST') return void commands.push(pathname)
      if (!pathname.endsWith('/stream')) {
        response.setHeader('content-type', 'application/json')
        return void response.end(JSON.stringify(pathname === '/api/agents' ? { agents: [agent()] } : agent()))
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(message('status', agent()))
      readers.add(response)
      response.on('close', () => readers.delete(response))
    })
    return new ScriptedHub(url, readers, commands)
  }

  /** Returns the number of connections that follow the agent. */
  get readers(): number {
    return this.#readers.size
  }

  says(text: string) {
    const event: Event = { kind: 'text', offset: this.#offset++, index: 0, text }
    this.#tell(message('activity', event, `${event.offset}.0`))
  }

  status(change: Partial<HubAgent>) {
    this.#tell(message('status', agent(change)))
  }

  #tell(text: string) {
    for (const reader of this.#readers) reader.write(text)
  }
}

/** Starts an HTTP server in place of a hub. @returns its URL */
export async function serve(t: Cleanup, handle: RequestListener): Promise<string> {
  const server = createServer(handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Returns a message of an agent's stream. */
export const message = (event: string, data: object, id = '') =>
  `event: ${event}\n${id && `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`

/** Returns the status of the agent a-1. */
export const agent = (change: Partial<HubAgent> = {}): HubAgent => ({
  agent_id: 'a-1',
  machine_id: 'm',
  connected: true,
  offset: 0,
  revision: 1,
  state: 'working',
  since: '2026-01-01T00:00:00Z',
  runtime: 'claude',
  cwd: '/',
  run: 1,
  pending: [],
  undelivered_prompts: 0,
  begin: 0,
  acked: 0,
  end: 0,
  ...change,
})
