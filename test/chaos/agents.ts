import { setTimeout as sleep } from 'node:timers/promises'
import type { Event, HubAgent } from '../../src/protocol/index.ts'
import type { Api } from './api.ts'
import type { Machine } from './world.ts'

/** The driver's knowledge of an agent that it has started. */
export interface Known {
  id: string
  machine: Machine
  /** True after a remove command was sent: the history may disappear at any time. */
  removing: boolean
  /** True if the client follows the agent's stream. If false, it sometimes reads the history page by page. */
  watched: boolean
  /** Events of the agent that this client has seen. */
  seen: Event[]
}

/** Time between two reads of an agent's events, in milliseconds. */
export const FOLLOW_MS = 60

/** The agents that the driver has started, with their states and events at the hub. */
export class Agents {
  readonly known = new Map<string, Known>()
  /** The agents at the hub, by id. */
  views = new Map<string, HubAgent>()
  readonly #api: Api

  constructor(api: Api) {
    this.#api = api
  }

  get all() {
    return [...this.known.values()]
  }

  async look() {
    this.views = new Map((await this.#api.agents()).map((agent) => [agent.agent_id, agent]))
  }

  /** Reads the events of an agent that are newer than the events already read. */
  async follow({ id, seen }: Known) {
    try {
      seen.push(...(await this.#api.events(id, lastOf(seen))))
    } catch {
      // The hub is not running, or does not know the agent yet.
    }
  }

  /** Follows an agent's stream, and continues it after a break. */
  async watch({ id, seen }: Known, isRunning: () => boolean) {
    while (isRunning()) {
      const reader = await this.#api.stream(id, lastOf(seen)).catch(() => undefined)
      while (isRunning() && reader && !reader.ended) {
        await sleep(FOLLOW_MS)
        seen.push(
          ...reader.messages
            .splice(0)
            .flatMap(({ event, data }) => (event === 'activity' ? [data as Event] : [])),
        )
      }
      reader?.close()
      await sleep(FOLLOW_MS)
    }
  }
}

const lastOf = (seen: Event[]) => {
  const last = seen.at(-1)
  return last ? `${last.offset}.${last.index}` : ''
}
