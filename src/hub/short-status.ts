import type { AgentStatus } from '../protocol/index.ts'
import { shownLength } from './shown.ts'

/** Longest folder in a short status, and the longest of everything else in it, as clients are sent it. */
const CWD_UNITS = 256
const FIELD_UNITS = 128
/** Units of the longest escape. */
const ESCAPE_UNITS = 6

/** The required fields, and what tells in few words where the agent stands. Requests are counted. */
export function shortened<S extends AgentStatus>(status: S): S {
  const { agent_id, since, runtime, cwd, pending, pending_omitted = 0, exit, journal, ...rest } = status
  const { problems, background_tasks, turn_interrupted, turn_failed, failure, slow, ...others } = rest
  const omitted = pending.length + pending_omitted
  return {
    ...Object.fromEntries(Object.entries(others).filter(([, value]) => shownLength(value) <= FIELD_UNITS)),
    agent_id,
    since: head(since, FIELD_UNITS),
    runtime: head(runtime, FIELD_UNITS),
    cwd: head(cwd, CWD_UNITS),
    pending: [],
    ...(omitted > 0 && { pending_omitted: omitted }),
    ...(exit && { exit: { reason: exit.reason } }),
    ...(journal !== undefined && { journal }),
  } as unknown as S
}

/** The start of a text that is at most `units` long as clients are sent it, quotation marks aside. */
export function head(text: string, units: number): string {
  const start = text.slice(0, units)
  return shownLength(start) - 2 <= units ? start : start.slice(0, units / ESCAPE_UNITS)
}
