import type { AgentStatus } from '../../protocol/index.ts'
import { cut } from '../../protocol/shorten.ts'
import { shownLength } from './client-json.ts'

/** Maximum length of the folder in a short status, in UTF-16 units as sent to clients. */
const CWD_UNITS = 256
/** Maximum length of any other field in a short status, in UTF-16 units as sent to clients. */
const FIELD_UNITS = 128
/** Length of the longest escape, in UTF-16 units. */
const ESCAPE_UNITS = 6

/**
 * Returns a short form of a status: required fields and short values. It contains the number of pending
 * requests, but not the requests.
 */
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

/**
 * Returns the start of a text. When it is sent to clients, it has at most `units` UTF-16 units between its
 * quotation marks.
 */
export function head(text: string, units: number): string {
  const start = cut(text, units)
  return shownLength(start) - 2 <= units ? start : cut(start, units / ESCAPE_UNITS)
}
