import type { Event, Exit } from '../protocol/index.ts'
import type { Snapshot } from './records.ts'

type TurnResult = Event & { kind: 'turn_result' }

/** Ends at which a runtime still writes down what its session has cost, as the next process in it goes on from. */
const ORDERLY_SIGNALS: unknown[] = [undefined, 'SIGTERM', 'SIGINT', 'SIGHUP']

/**
 * What an agent has cost, in US dollars. A runtime counts by process and session: it begins at 0 again after a cleared
 * conversation or a kill, and goes on from what it last wrote down when it is resumed. Here costs only add up.
 */
export function costAfter(snapshot: Snapshot, event: TurnResult): number | undefined {
  const { total_cost_usd: shown } = event
  const total = snapshot.total_cost_usd
  if (shown === undefined) return total
  const { now, saved } = snapshot.meter ?? { now: total ?? 0, saved: total ?? 0 }
  const counted = shown < now || isFirst(event) ? 0 : now
  snapshot.meter = { now: shown, saved }
  return (total ?? 0) === counted ? Math.max(total ?? 0, shown) : (total ?? 0) + Math.max(0, shown - counted)
}

/** The process has ended: the next one in its session counts on from what this one has written down. */
export function settleCosts(snapshot: Snapshot, { code, signal }: Pick<Exit, 'code' | 'signal'>) {
  if (!snapshot.meter) return
  const { now, saved } = snapshot.meter
  const counted = code !== undefined && ORDERLY_SIGNALS.includes(signal) ? now : saved
  snapshot.meter = { now: counted, saved: counted }
}

/** Whether all that the runtime has counted is of this turn. */
function isFirst({ usage, model_usage }: TurnResult): boolean {
  const models = Object.values(model_usage ?? {}) as (Record<string, unknown> | null)[]
  const sum = (field: string) => models.reduce((tokens, model) => tokens + Number(model?.[field] ?? 0), 0)
  return (
    models.length > 0 &&
    sum('outputTokens') === usage?.output_tokens &&
    sum('inputTokens') === usage?.input_tokens
  )
}
