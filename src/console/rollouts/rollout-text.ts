import type { RolloutOrder } from '../../client/hub-rollouts.ts'
import type { HubRollout, RolloutMachine } from '../../protocol/hub-rollouts.ts'

/** The machines of a group in a rollout. */
export interface Wave {
  group: string
  machines: RolloutMachine[]
  /** Number of machines with the version. */
  updated: number
  /** Counts of the machines' states, such as "3 updated, 1 failed". */
  text: string
}

/** Texts of a rollout's states. A newer hub may have more. */
const STATES: Record<string, string> = {
  running: 'Running',
  soaking: 'Watching',
  paused: 'Paused',
  halted: 'Halted',
  done: 'Done',
  rolling_back: 'Rolling back',
  rolled_back: 'Rolled back',
  cancelled: 'Canceled',
}

/** Orders of people, by the states that permit them. */
const ORDERS: Record<string, RolloutOrder[]> = {
  running: ['pause', 'roll-back', 'cancel'],
  soaking: ['pause', 'roll-back', 'cancel'],
  paused: ['resume', 'roll-back', 'cancel'],
  halted: ['resume', 'roll-back', 'cancel'],
  done: ['roll-back', 'cancel'],
  rolling_back: ['cancel'],
  rolled_back: ['cancel'],
}

/** States of machines that need attention come first. */
const RANK = ['failed', 'lost', 'unwell', 'stuck', 'refused', 'updating', 'returning', 'waiting']

const wordOf = (state: string) => state.replaceAll('_', ' ')

export const stateText = (state: string) => (Object.hasOwn(STATES, state) ? STATES[state]! : wordOf(state))

/** Returns the orders that the state permits. */
export const ordersFor = (state: string): RolloutOrder[] =>
  Object.hasOwn(ORDERS, state) ? ORDERS[state]! : []

export const machineText = ({ state, away }: RolloutMachine) =>
  away ? `${wordOf(state)}, not connected` : wordOf(state)

/** Returns the groups of a rollout in their order, with their machines. */
export function wavesOf({ groups, machines }: HubRollout): Wave[] {
  return groups.map((group, wave) => {
    const members = machines.filter((each) => each.wave === wave).sort((a, b) => rankOf(a) - rankOf(b))
    const updated = members.filter(({ state }) => state === 'updated' || state === 'unwell').length
    return { group, machines: members, updated, text: countsText(countsOf(members)) }
  })
}

/** Returns counts such as "3 updated, 1 failed". */
export const countsText = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .map(([state, count]) => `${count} ${wordOf(state)}`)
    .join(', ') || 'no machines yet'

function countsOf(machines: RolloutMachine[]): Record<string, number> {
  const counts = new Map<string, number>()
  for (const { state } of machines) counts.set(state, (counts.get(state) ?? 0) + 1)
  return Object.fromEntries(counts)
}

/** Returns the names in a text such as "canary, office". */
export const groupsIn = (text: string): string[] => [
  ...new Set(
    text
      .split(/[\s,]+/)
      .map((name) => name.trim())
      .filter(Boolean),
  ),
]

const rankOf = ({ state }: RolloutMachine) => (RANK.includes(state) ? RANK.indexOf(state) : RANK.length)
