import { type ReadonlySignal, signal } from '@preact/signals'
import { followFleet } from '../../client/follow-fleet.ts'
import type { HubClient } from '../../client/hub-client.ts'
import { pause } from '../../client/until-aborted.ts'
import { slices } from '../parts/slices.ts'
import { FleetContent } from './fleet-content.ts'

export { agentKey } from './fleet-content.ts'

/**
 * State of the connection to the hub's stream. What the page shows is current only if it is `live`. While it is
 * `loading`, more machines and agents arrive.
 */
type Live = { state: 'loading' | 'live' } | { state: 'lost'; problem: Error; since: number }

/** All machines and agents of the hub, kept current by the hub's stream. */
export interface Fleet extends Readonly<Pick<FleetContent, 'machines' | 'agents' | 'groups'>> {
  live: ReadonlySignal<Live>
  /** True once the hub has named all machines and agents. Before, a machine that is missing may still arrive. */
  isComplete: ReadonlySignal<boolean>
  /**
   * Increases when machines or agents have changed, at most once per frame of the screen. A component that
   * reads the maps also reads this signal, so that it is drawn again.
   */
  version: ReadonlySignal<number>
}

/** Interval between attempts after the hub refused the stream, in milliseconds. */
const RETRY_MS = 5000

/** The fleet of the signed-in person; undefined while nobody is signed in. */
export const fleet = signal<Fleet>()

export interface FollowFleetOptions {
  signal: AbortSignal
  /** Calls a function at the next frame of the screen. */
  frame(callback: () => void): void
}

/** Follows all machines and agents of a hub. Ends when `signal` aborts. */
export function liveFleet(hub: HubClient, options: FollowFleetOptions): Fleet {
  const live = signal<Live>({ state: 'loading' })
  const version = signal(0)
  const isComplete = signal(false)
  const content = new FleetContent()
  let isDue = false
  const changed = () => {
    if (isDue) return
    isDue = true
    options.frame(() => {
      isDue = false
      if (!options.signal.aborted) version.value++
    })
  }
  const connection = (problem: Error | undefined) => {
    if (problem) live.value = { state: 'lost', problem, since: Date.now() }
    // The changes since the loss arrive now.
    else if (live.value.state === 'lost') live.value = { state: 'live' }
  }
  const run = async () => {
    const slice = slices()
    content.apply({ type: 'reset' })
    for await (const change of followFleet(hub, { signal: options.signal, connection })) {
      if (change.type === 'reset') live.value = { state: 'loading' }
      content.apply(change)
      if (change.type === 'current') {
        live.value = { state: 'live' }
        isComplete.value = true
      }
      changed()
      await slice()
    }
  }
  const keepRunning = async () => {
    // Connect again after failures that `followFleet` does not expect, such as a hub with too many streams.
    while (!options.signal.aborted) {
      await run().catch(connection)
      await pause(RETRY_MS, options.signal)
    }
  }
  void keepRunning()
  const { machines, agents, groups } = content
  return { live, isComplete, version, machines, agents, groups }
}
