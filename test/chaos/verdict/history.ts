import { decodeLine } from '../../../src/agents/events/decode.ts'
import { decode } from '../../../src/agents/runtimes/claude/decode.ts'
import type { Event } from '../../../src/protocol/index.ts'
import type { ProcessTruth } from '../truth.ts'
import type { Case, Judge } from './judge.ts'

export type Body = Record<string, unknown> & { kind: Event['kind'] }

/** Fields of an event that the previous release lacks. */
const NEWER = new Set(['origin', 'digest'])

/**
 * Returns an event without its place in the journal, in a form that does not depend on the source of the
 * event.
 */
export const formOf = (body: object): string =>
  JSON.stringify(body, (key, value) =>
    NEWER.has(key)
      ? undefined
      : typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
        : value,
  )

/** Splits deltas that the daemon has merged: the agent ends each delta with a semicolon. */
export function bodiesOf({ offset: _offset, index: _index, ...body }: Event): Body[] {
  if (body.kind !== 'text_delta') return [body]
  return body.text
    .split(';')
    .slice(0, -1)
    .map((piece) => ({ ...body, text: `${piece};` }))
}

export const expected = (line: string): string[] =>
  decodeLine(Buffer.from(line), 0, decode).flatMap(bodiesOf).map(formOf)

export const shorten = (text: string | undefined) => (text === undefined ? 'nothing' : text.slice(0, 160))

/** The hub has every event that the agent wrote, once and in order. */
export const history: Judge = (agent) => {
  if (agent.setBack !== undefined) return agent.history ? changed(agent, agent.history) : []
  if (!agent.history) return seenOnly(agent)
  const problems = [...order(agent.history), ...withdrawnTwice(agent.history)]
  const runs = byRun(agent, agent.history, problems)
  for (const process of agent.processes) problems.push(...compare(process, runs.get(process.run) ?? [], true))
  for (const [run, bodies] of runs)
    if (!agent.processes.some((process) => process.run === run)) {
      const extra = bodies.filter((body) => !isLaunchersOwn(body))
      if (extra.length > 0) problems.push(`run ${run} never existed, but has ${shorten(formOf(extra[0]!))}`)
    }
  return [...problems, ...changed(agent, agent.history)]
}

function changed({ known: { seen } }: Case, history: Event[]): string[] {
  const differs = seen.findIndex((event, n) => formOf(event) !== formOf(history[n] ?? {}))
  if (differs === -1) return []
  return [`history changed after it was read, at event ${differs}: ${shorten(formOf(seen[differs]!))}`]
}

/**
 * Checks a removed agent. The events that were read before the removal must be the beginning of the events
 * that the agent wrote.
 */
function seenOnly(agent: Case): string[] {
  const { seen } = agent.known
  const problems = order(seen)
  const runs = byRun(agent, seen, problems)
  const last = Math.max(...runs.keys())
  for (const process of agent.processes)
    if (runs.has(process.run)) problems.push(...compare(process, runs.get(process.run)!, process.run < last))
  return problems
}

export function order(events: Event[]): string[] {
  const wrong = events.findIndex((event, n) => {
    const before = events[n - 1]
    return (
      before &&
      (event.offset < before.offset || (event.offset === before.offset && event.index <= before.index))
    )
  })
  return wrong === -1 ? [] : [`event ${wrong} is out of order`]
}

/** Returns the events between the start and the end of each run. */
function byRun({ diskWasFull }: Case, events: Event[], problems: string[]): Map<number, Body[]> {
  const runs = new Map<number, Body[]>()
  let run: number | undefined
  for (const event of events) {
    if (event.kind === 'process_started') {
      if (runs.has(event.run)) problems.push(`run ${event.run} started twice`)
      if (run !== undefined) problems.push(`run ${event.run} started before run ${run} had ended`)
      run = event.run
      runs.set(run, [])
    } else if (event.kind === 'process_exited') {
      if (event.run !== run) problems.push(`run ${event.run} ended during run ${run ?? 'none'}`)
      run = undefined
    } else {
      const bodies = bodiesOf(event)
      if (run !== undefined) runs.get(run)!.push(...bodies)
      else if (!bodies.every(isWithdrawal) && !(diskWasFull && bodies.every(isLaunchersOwn)))
        problems.push(`outside of any run: ${shorten(formOf(bodies[0]!))}`)
    }
  }
  return runs
}

/**
 * Reports whether the daemon itself recorded that a prompt was withdrawn, while the agent had no process. The
 * previous release does not know this line.
 */
export const isWithdrawal = ({ kind, state, time, raw }: Body) =>
  kind === 'unknown'
    ? (raw as { subtype?: unknown } | null)?.subtype === 'prompt_withdrawn'
    : kind === 'prompt_state' && state === 'cancelled' && time !== undefined

/** Returns the prompts that the daemon recorded as withdrawn more than once. */
function withdrawnTwice(events: Event[]): string[] {
  const ids = events.flatMap(bodiesOf).flatMap((body) => (isWithdrawal(body) ? [idOf(body)] : []))
  return ids.filter((id, n) => ids.indexOf(id) < n).map((id) => `the prompt ${id} was withdrawn twice`)
}

const idOf = ({ prompt_id, raw }: Body) => String(prompt_id ?? (raw as { prompt_id?: unknown }).prompt_id)

/** Reports whether an event is an incomplete note of a launcher, cut off by a full disk. */
export const isLaunchersOwn = (body: Body) =>
  body.kind === 'unreadable' && '{"type":"launcher"'.startsWith(String(body.text).slice(0, 18))

function compare({ run, written }: ProcessTruth, bodies: Body[], ended: boolean): string[] {
  const there = bodies.filter((body) => !isLaunchersOwn(body))
  let at = 0
  for (const [n, { line, whole }] of written.entries()) {
    const forms = expected(line)
    if (forms.every((form, i) => there[at + i] && formOf(there[at + i]!) === form)) {
      at += forms.length
      continue
    }
    if (at >= there.length && !ended) return []
    const next = there[at]
    // The line was cut off in the middle, and the daemon reported that.
    if (!whole && next?.kind === 'unreadable' && line.startsWith(String(next.text))) at++
    else if (whole)
      return [
        `run ${run}, line ${n} of ${written.length}: written ${shorten(forms[0])}, but the hub has ${shorten(next && formOf(next))}`,
      ]
  }
  return at < there.length
    ? [`run ${run}: the hub has an event that was not written: ${shorten(formOf(there[at]!))}`]
    : []
}
