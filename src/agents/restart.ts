import type { Agent } from './agent.ts'

const HOUR_MS = 3_600_000
/** Before the first restart within an hour; each further one waits twice as long. */
const FIRST_DELAY_MS = 1000

export interface Restart {
  delayMs: number
  /** It has restarted too often: held back until the hour allows it again. */
  held: boolean
}

/** Whether and when the agent's restart policy wants it back, now that it has ended. */
export function nextRestart(agent: Agent, now: number): Restart | undefined {
  const { restart } = agent.record.spec
  const { exit } = agent.snapshot
  if (!restart || restart.policy === 'never' || !exit) return undefined
  const lost = exit.reason === 'lost' || exit.reason === 'rebooted' || exit.reason === 'killed'
  if (!lost && !(restart.policy === 'on-failure' && exit.reason === 'crashed')) return undefined
  const recent = agent.run.restarts.map((time) => Date.parse(time)).filter((time) => now - time < HOUR_MS)
  if (recent.length >= restart.max_per_hour) return { delayMs: recent[0]! + HOUR_MS - now, held: true }
  return { delayMs: FIRST_DELAY_MS * 2 ** recent.length, held: false }
}
