import type { Context } from 'hono'
import { type SSEStreamingApi, streamSSE } from 'hono/streaming'
import type { Place } from './activity-file.ts'
import type { ActivityStore } from './activity-store.ts'
import type { Registry } from './registry.ts'

/** File bytes read for one write to a client. The next is read when that one has left: a slow client holds no more. */
const READ_BYTES = 128 * 1024
/** So that proxies, and both ends, notice a dead connection. */
const HEARTBEAT_MS = 15_000

/** Wakes a loop that sends what there is. */
class Bell {
  #rung = false
  #wake: (() => void) | undefined

  ring = () => {
    this.#rung = true
    this.#wake?.()
  }

  /** Resolves when rung since the last call. */
  async rung() {
    if (!this.#rung)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    this.#rung = false
    this.#wake = undefined
  }
}

/** Runs `send` now and whenever the bell is rung, until the client goes away. */
async function pump(stream: SSEStreamingApi, bell: Bell, send: () => Promise<void>, release: () => void) {
  const heartbeat = setInterval(() => void stream.write(':\n\n'), HEARTBEAT_MS)
  stream.onAbort(bell.ring)
  try {
    while (!stream.aborted && !stream.closed) {
      await send()
      await bell.rung()
    }
  } finally {
    clearInterval(heartbeat)
    release()
  }
}

export interface AgentStreamOptions {
  agentId: string
  after: Place
  registry: Registry
  activity: ActivityStore
}

/** Server-sent events of one agent: its activity from a place on, and its status as it is and as it changes. */
export function agentStream(c: Context, { agentId, after, registry, activity }: AgentStreamOptions) {
  return streamSSE(c, async (stream) => {
    const bell = new Bell()
    let place = after
    let position: number | undefined
    let told: number | undefined
    let over = false
    const onAgent = (id: string) => {
      if (id === agentId) bell.ring()
    }
    const onRemoved = (id: string) => {
      if (id !== agentId) return
      over = true
      bell.ring()
    }
    const unwatch = activity.watch(agentId, bell.ring)
    registry.on('agent', onAgent)
    registry.on('agent_removed', onRemoved)
    const send = async () => {
      if (over) return stream.close()
      while (!stream.aborted && position !== activity.file(agentId).size) {
        const read = activity.file(agentId).read(place, READ_BYTES, position)
        if (read.position === position) break
        position = read.position
        if (read.events.length === 0) continue
        place = read.events.at(-1)!
        // One write: the client gets them together or not at all, and there is one turn of the loop for all.
        await stream.write(
          read.events
            .map(
              (event) =>
                `event: activity\nid: ${event.offset}.${event.index}\ndata: ${JSON.stringify(event)}\n\n`,
            )
            .join(''),
        )
      }
      const agent = registry.agent(agentId, (id) => activity.have(id))
      if (!agent || agent.revision === told) return
      told = agent.revision
      await stream.writeSSE({ event: 'status', data: JSON.stringify(agent) })
    }
    await pump(stream, bell, send, () => {
      unwatch()
      registry.off('agent', onAgent)
      registry.off('agent_removed', onRemoved)
    })
  })
}

/** Server-sent events of machines and agents: each as it is, then as it changes. */
export function hubStream(
  c: Context,
  { registry, offset }: { registry: Registry; offset(agentId: string): number },
) {
  return streamSSE(c, async (stream) => {
    const bell = new Bell()
    const machines = new Set(registry.machines().map(({ machine_id }) => machine_id))
    const agents = new Set(registry.agents(offset).map(({ agent_id }) => agent_id))
    const removed = new Set<string>()
    const into = (set: Set<string>) => (id: string) => {
      set.add(id)
      bell.ring()
    }
    const listeners = { machine: into(machines), agent: into(agents), agent_removed: into(removed) }
    registry.on('machine', listeners.machine)
    registry.on('agent', listeners.agent)
    registry.on('agent_removed', listeners.agent_removed)
    const send = async () => {
      for (const id of take(machines)) {
        const machine = registry.machine(id)
        if (machine) await stream.writeSSE({ event: 'machine', data: JSON.stringify(machine) })
      }
      for (const id of take(agents)) {
        const agent = registry.agent(id, offset)
        if (agent) await stream.writeSSE({ event: 'agent', data: JSON.stringify(agent) })
      }
      for (const id of take(removed))
        await stream.writeSSE({ event: 'agent_removed', data: JSON.stringify({ agent_id: id }) })
    }
    await pump(stream, bell, send, () => {
      registry.off('machine', listeners.machine)
      registry.off('agent', listeners.agent)
      registry.off('agent_removed', listeners.agent_removed)
    })
  })
}

function take(set: Set<string>): string[] {
  const all = [...set]
  set.clear()
  return all
}
