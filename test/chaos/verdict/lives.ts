import type { Event } from '../../../src/protocol/index.ts'
import type { ProcessTruth } from '../truth.ts'
import { judgeCode } from './exits.ts'
import {
  type Body,
  bodiesOf,
  expected,
  formOf,
  isLaunchersOwn,
  isWithdrawal,
  order,
  shorten,
} from './history.ts'
import type { Case, Judge } from './judge.ts'

/** A piece of an agent's output. The server must receive the pieces in order. */
type Token =
  | { kind: 'start'; run: number }
  | { kind: 'end'; process: ProcessTruth }
  | { kind: 'body'; form: string; line: string; whole: boolean }

/** A step of the server's history. */
type Step =
  | { kind: 'start'; run: number }
  | { kind: 'end'; event: Event & { kind: 'process_exited' } }
  | { kind: 'set_back' }
  | { kind: 'body'; form: string; body: Body }

/**
 * A place in the output that the agent recorded. The steps of the history so far may correspond to the output
 * up to this place.
 */
interface Place {
  life: number
  at: number
  /** True if nothing has happened in this life yet, except that the machine was rolled back. */
  fresh: boolean
}

/**
 * Checks the history of an agent whose machine was rolled back. Each rollback ended a life of the agent
 * early. The hub keeps the events that it had received before a rollback. The hub has the beginning of each
 * earlier life and all of the last life, with every event once and in order.
 */
export const lives: Judge = (agent) => {
  const { history, kept } = agent
  if (!history || agent.setBack === undefined) return []
  const problems = order(history)
  for (const events of kept) {
    const differs = events.findIndex((event, n) => formOf(event) !== formOf(history[n] ?? {}))
    if (differs !== -1)
      problems.push(
        `lost when the machine was rolled back, at event ${differs}: ${shorten(formOf(events[differs]!))}`,
      )
  }
  return [...problems, ...follow(agent, history)]
}

function follow(agent: Case, history: Event[]): string[] {
  const all = tokensOf(agent)
  const last = all.length - 1
  const runs = new Set(agent.processes.map(({ run }) => run))
  // A process that was killed at once has recorded nothing of its run.
  const steps = history.flatMap(stepsOf).filter((step) => {
    if (step.kind === 'start') return runs.has(step.run)
    return step.kind !== 'end' || runs.has(step.event.run)
  })
  let places: Place[] = [{ life: 0, at: 0, fresh: true }]
  for (const [n, step] of steps.entries()) {
    if (step.kind === 'body' && (isLaunchersOwn(step.body) || isWithdrawal(step.body))) continue
    const next = new Map<string, Place>()
    for (const place of places)
      for (const reached of advance(agent, all, place, step)) next.set(JSON.stringify(reached), reached)
    if (next.size === 0) {
      const wanted = places.map(({ life, at }) => `${life}: ${describe(all[life]![at])}`)
      return [
        `step ${n} of ${steps.length} is ${describe(step)}, but the agent continues with life ${wanted.join(', or ')}`,
      ]
    }
    places = [...next.values()]
  }
  const isEnd = ({ life, at }: Place) =>
    [...all.slice(life + 1).flat(), ...(life === last ? all[last]!.slice(at) : [])].every(
      (token) => token.kind === 'body' && !token.whole,
    )
  if (places.some(isEnd)) return []
  const missing = places.map(({ life, at }) => `${life}: ${describe(all[life]![at])}`)
  return [`the end of the history is missing; the agent continues with life ${missing.join(', or ')}`]
}

/** Yields the places that are possible after a step of the history if `place` is possible before the step. */
function* advance(agent: Case, all: Token[][], place: Place, step: Step): Generator<Place> {
  const { life, at } = place
  const tokens = all[life]!
  const isLast = life === all.length - 1
  for (let n = at; n < tokens.length; n++) {
    const token = tokens[n]!
    if (matches(agent, token, step, isLast)) yield { life, at: n + 1, fresh: false }
    // The line was cut off in the middle, and the daemon reported that.
    const isTorn = token.kind === 'body' && step.kind === 'body' && isPart(token.line, step.body)
    if (isTorn && !token.whole) yield { life, at: n + 1, fresh: false }
    // An unfinished piece may be missing.
    if (token.kind !== 'body' || token.whole) break
  }
  // According to the restored backup, a process was running: the daemon reports the end of that process.
  if (place.fresh && life > 0 && step.kind === 'end' && step.event.code === undefined) yield place
  for (let later = life + 1; later < all.length; later++) {
    const fresh = { life: later, at: 0, fresh: true }
    const cut = tokens[at]
    if (step.kind === 'set_back') yield fresh
    else if (step.kind === 'end' && step.event.code === undefined) yield fresh
    else if (step.kind === 'body' && cut?.kind === 'body' && isPart(cut.line, step.body)) yield fresh
    else if (all[later]![0] && matches(agent, all[later]![0]!, step, false))
      yield { life: later, at: 1, fresh: false }
  }
}

const isPart = (line: string, body: Body) => body.kind === 'unreadable' && line.startsWith(String(body.text))

function matches(agent: Case, token: Token, step: Step, strict: boolean): boolean {
  if (token.kind === 'start') return step.kind === 'start' && step.run === token.run
  if (token.kind === 'body') return step.kind === 'body' && step.form === token.form
  if (step.kind !== 'end' || step.event.run !== token.process.run) return false
  return !strict || judgeCode(agent, token.process, step.event).length === 0
}

/** Returns the pieces of each life. */
function tokensOf({ processes, lives: count }: Case): Token[][] {
  const all: Token[][] = Array.from({ length: count }, () => [])
  for (const process of processes) {
    const bodies = process.written.flatMap(({ line, whole }) =>
      expected(line).map((form): Token => ({ kind: 'body', form, line, whole })),
    )
    all[process.life]!.push({ kind: 'start', run: process.run }, ...bodies, { kind: 'end', process })
  }
  return all
}

function stepsOf(event: Event): Step[] {
  if (event.kind === 'process_started') return [{ kind: 'start', run: event.run }]
  if (event.kind === 'process_exited') return [{ kind: 'end', event }]
  if (event.kind === 'set_back') return [{ kind: 'set_back' }]
  return bodiesOf(event).map((body) => ({ kind: 'body', form: formOf(body), body }))
}

function describe(part: Token | Step | undefined): string {
  if (!part) return 'nothing'
  if (part.kind === 'start') return `the start of run ${part.run}`
  if (part.kind === 'end') return `the end of run ${'process' in part ? part.process.run : part.event.run}`
  return part.kind === 'body' ? shorten(part.form)! : 'the rollback of the machine'
}
