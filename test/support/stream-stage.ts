import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { Followers } from '../../src/hub/gate/followers.ts'
import { Notices } from '../../src/hub/gate/notices.ts'
import { Unread } from '../../src/hub/gate/unread.ts'
import { BEGINNING, parseEventId } from '../../src/hub/store/event-id.ts'
import { AgentStreams } from '../../src/hub/streams/agent-streams.ts'
import type { Clock } from '../../src/platform/clock.ts'
import type { Event, HubAgent } from '../../src/protocol/index.ts'
import { statusOf } from './light-daemon.ts'
import { MemoryJournals } from './memory-journals.ts'
import { memoryLog } from './memory-log.ts'
import { SseReader } from './sse-reader.ts'
import type { Cleanup } from './temp.ts'

/** A server with streams of agents, whose journals are in memory. */
export class StreamStage {
  readonly journals = new MemoryJournals()
  readonly streams: AgentStreams
  /** Title in the statuses of all agents. */
  title = ''
  #url = ''

  private constructor(clock: Clock) {
    const { journals } = this
    const agents = { viewAt: (key: string) => this.#viewOf(key) }
    this.streams = new AgentStreams({ agents, journals, clock })
    journals.events.on('committed', (keys) => this.streams.onCommitted(keys))
  }

  static async open(t: Cleanup, clock: Clock): Promise<StreamStage> {
    const stage = new StreamStage(clock)
    const notices = new Notices({ clock, logger: memoryLog().logger })
    const unread = new Unread({ stallMs: 30_000, clock, notices })
    const followers = new Followers({ most: 1000, notices, unread })
    const server = createServer((request, response) => {
      const follower = followers.follow({ response, address: '192.0.2.1', key: undefined })
      const [, key = '', after = ''] = request.url!.split('/')
      stage.streams.follow({ key, after: parseEventId(after) ?? BEGINNING, follower })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    stage.#url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    t.after(() => {
      unread.close()
      server.closeAllConnections()
      server.close()
    })
    return stage
  }

  follow(key: string, after = ''): Promise<SseReader> {
    return SseReader.open(`${this.#url}/${key}/${after}`, {})
  }

  /** Follows an agent without reading the stream. */
  async followUnread(key: string): Promise<IncomingMessage> {
    const asked = request(`${this.#url}/${key}/`, { agent: false }).end()
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    response.pause()
    return response
  }

  #viewOf(key: string): HubAgent {
    const { have: offset } = this.journals.stateOf(key)
    return { ...statusOf(key, { title: this.title }), machine_id: 'machine-1', connected: true, offset }
  }
}

/** Returns the offsets of the events that a stream has sent. */
export const offsetsOf = (stream: SseReader) =>
  stream.of('activity').map(({ data }) => (data as Event).offset)

/** Waits until the server has done everything that does not wait for a timer. */
export async function settled() {
  for (let n = 0; n < 50; n++) await setImmediate()
}
