import type { Event, Exit } from '../../protocol/index.ts'
import type { Snapshot } from '../disk/records.ts'

type TurnResult = Event & { kind: 'turn_result' }

/**
 * Signals after which a runtime saves the cost of its session. The session's next process continues counting
 * from the saved cost.
 */
const ORDERLY_SIGNALS: unknown[] = [undefined, 'SIGTERM', 'SIGINT', 'SIGHUP']

/**
 * Returns the agent's total cost in US dollars. The total never falls. A runtime counts per process and
 * session. The count restarts at 0 after the conversation was cleared or the process was killed; after a
 * resume, it continues from the last saved count.
 */
export function costAfter(snapshot: Snapshot, event: TurnResult): number | undefined {
  const { total_cost_usd: shown } = event
  const total = snapshot.total_cost_usd
  if (shown === undefined) return total
  const { now, saved } = snapshot.meter ?? { now: total ?? 0, saved: total ?? 0 }
  const counted = shown < now || isFirst(event) ? 0 : now
  snapshot.meter = { now: shown, saved }
  const sum =
    (total ?? 0) === counted ? Math.max(total ?? 0, shown) : (total ?? 0) + Math.max(0, shown - counted)
  // JSON cannot represent infinity.
  return Math.min(sum, Number.MAX_VALUE)
}

/** Records the end of a process: the next process in its session continues from the saved cost. */
export function settleCosts(snapshot: Snapshot, { code, signal }: Pick<Exit, 'code' | 'signal'>) {
  if (!snapshot.meter) return
  const { now, saved } = snapshot.meter
  const counted = code !== undefined && ORDERLY_SIGNALS.includes(signal) ? now : saved
  snapshot.meter = { now: counted, saved: counted }
}

/** Reports whether the runtime's whole count comes from this turn. */
function isFirst({ usage, model_usage }: TurnResult): boolean {
  const models = Object.values(model_usage ?? {}) as (Record<string, unknown> | null)[]
  const sum = (field: string) => models.reduce((tokens, model) => tokens + count(model?.[field]), 0)
  return (
    models.length > 0 &&
    sum('outputTokens') === usage?.output_tokens &&
    sum('inputTokens') === usage?.input_tokens
  )
}

const count = (value: unknown) => (typeof value === 'number' ? value : 0)
