import type { Clock, Timer } from '../../platform/clock.ts'
import type { Follower } from '../gate/followers.ts'
import type { AgentRegistry } from '../registry/agent-registry.ts'
import type { Change } from '../registry/change-feed.ts'
import { shown } from '../registry/client-json.ts'
import type { EventId } from '../store/event-id.ts'
import type { Journals } from '../store/journals.ts'
import { AgentBroadcast } from './agent-broadcast.ts'
import { AgentFollower } from './agent-follower.ts'
import { Lane } from './lane.ts'
import { RecentParts } from './recent-parts.ts'
import { SharedHistory } from './shared-history.ts'
import { Slices } from './slices.ts'
import { alreadySent, beginStream, message } from './sse.ts'

/**
 * Maximum number of writes per second to streams of new activity. The events of an agent wait longer for further
 * events if there are more streams.
 */
const WRITES_PER_S = 10_000
/** Maximum number of agents whose new activity is read at a time. One slow read does not stop the others. */
const READS_OF_NEWS = 4
/** Interval between searches for streams that need a keep-alive message, in milliseconds. */
const SWEEP_MS = 5000

export interface AgentStreamsOptions {
  agents: Pick<AgentRegistry, 'viewAt'>
  journals: Pick<Journals, 'open' | 'read' | 'stateOf'>
  clock: Clock
}

export interface AgentStreamOptions {
  /** The agent's key. */
  key: string
  after: EventId
  follower: Follower
}

/** The streams of all agents' activity. The streams of an agent share the reads of its history. */
export class AgentStreams {
  readonly #options: AgentStreamsOptions
  readonly #broadcasts = new Map<string, AgentBroadcast>()
  readonly #recent = new RecentParts()
  readonly #news = new Lane(READS_OF_NEWS)
  readonly #writes: Slices
  #size = 0
  #sweep: Timer | undefined

  constructor(options: AgentStreamsOptions) {
    this.#options = options
    this.#writes = new Slices(options.clock)
  }

  /** Streams an agent's activity after `after`, and each changed status once the client has all activity. */
  follow({ key, after, follower }: AgentStreamOptions): Response {
    const { response } = follower
    if (beginStream(response) && !response.destroyed) {
      const broadcast = this.#broadcastOf(key)
      const agentFollower = new AgentFollower({
        follower,
        broadcast,
        place: { id: after },
        writes: this.#writes,
        clock: this.#options.clock,
      })
      response.once('close', () => this.#leave(key, broadcast, agentFollower))
      this.#size++
      this.#sweep ??= this.#options.clock.setTimeout(this.#onSweep, SWEEP_MS)
      broadcast.add(agentFollower)
    }
    return alreadySent()
  }

  /** Sends activity of these agents that has become durable. */
  onCommitted(keys: string[]) {
    for (const key of keys) this.#broadcasts.get(key)?.sendSoon()
  }

  onChange(change: Change) {
    if (change.kind === 'closed') for (const key of [...this.#broadcasts.keys()]) this.#end(key)
    else if (change.kind === 'agent') this.#broadcasts.get(change.key)?.onStatus()
    else if (change.kind === 'agent_removed') this.#end(change.key)
  }

  #broadcastOf(key: string): AgentBroadcast {
    const known = this.#broadcasts.get(key)
    if (known) return known
    const { agents, journals, clock } = this.#options
    const broadcast = new AgentBroadcast({
      history: new SharedHistory({ key, journals, recent: this.#recent, news: this.#news }),
      async statusText() {
        const agent = agents.viewAt(key)
        return agent && shown([message('status', agent)])
      },
      writes: this.#writes,
      intervalMs: () => (this.#size * 1000) / WRITES_PER_S,
      clock,
    })
    this.#broadcasts.set(key, broadcast)
    return broadcast
  }

  /** Ends the broadcast of an agent. A later agent may get the same key. */
  #end(key: string) {
    this.#broadcasts.get(key)?.end()
    this.#broadcasts.delete(key)
  }

  #leave(key: string, broadcast: AgentBroadcast, follower: AgentFollower) {
    broadcast.remove(follower)
    if (--this.#size === 0 && this.#sweep) {
      this.#options.clock.clearTimeout(this.#sweep)
      this.#sweep = undefined
    }
    if (broadcast.size === 0 && !broadcast.isOver) this.#end(key)
  }

  #onSweep = () => {
    for (const broadcast of this.#broadcasts.values()) broadcast.wakeAll()
    this.#sweep = this.#options.clock.setTimeout(this.#onSweep, SWEEP_MS)
  }
}
