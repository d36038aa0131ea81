import type { Event } from '../protocol/index.ts'
import { duration } from './units.ts'

type Of<K extends Event['kind']> = Extract<Event, { kind: K }>

export function exitText({ code, signal, reason }: Of<'process_exited'>): string {
  if (reason === 'rebooted') return 'ended when the machine rebooted'
  const how = signal !== undefined ? `by ${signal}` : code !== undefined ? `with code ${code}` : ''
  return `ended ${how}${reason === 'lease' ? ' (lease expired)' : ''}`.trimEnd()
}

export const limitText = ({ status, limit, utilization, resets_at }: Of<'rate_limit'>) =>
  [
    limit ? `${limit} ${status}` : status,
    utilization === undefined ? undefined : `${Math.round(utilization * 100)} % used`,
    resets_at === undefined ? undefined : `resets ${isoTime(resets_at)}`,
  ]
    .filter(Boolean)
    .join(', ')

function isoTime(seconds: number): string {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime())
    ? 'at an unknown time'
    : `at ${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** Formats a retry. No status, or the error `unknown`, means that the service did not answer. */
export const retryText = ({ attempt, max_retries, delay_ms, status, error }: Of<'retry'>) =>
  `${
    status === undefined && (error === undefined || error === 'unknown')
      ? "the model's service cannot be reached"
      : `the model's service failed${status ? ` (HTTP ${status})` : ''}${error ? `: ${error}` : ''}`
  }; try ${attempt}${max_retries ? ` of ${max_retries}` : ''}${delay_ms ? ` in ${duration(delay_ms)}` : ''}`

export function unknownText(raw: unknown): string {
  if (typeof raw !== 'object' || raw === null) return 'unknown event'
  const { type, subtype, content } = raw as Record<string, unknown>
  const name = [type, subtype].filter((part) => typeof part === 'string').join('/') || 'unknown event'
  return typeof content === 'string' ? `${name}: ${content}` : name
}

/** Matches the beginning of a message that the agent's program writes only for its developers. */
const DIAGNOSTIC = /^\[ede_diagnostic\]/

/** Returns why a turn failed, in the agent's words if the agent gave a reason. */
export function failureText(event: Of<'turn_result'>): string {
  const errors = event.errors?.filter((error) => !DIAGNOSTIC.test(error))
  const words = errors?.length ? errors.join('; ') : event.text
  const outcome =
    event.outcome === 'success' ? 'failed' : event.outcome.replace(/^error_/, '').replace(/_/g, ' ')
  return words ? `${outcome}: ${words}` : outcome
}

/** Notices to highlight: their levels or, for notices without a level, their subjects. */
const URGENT: ReadonlySet<string> = new Set([
  'warning',
  'high',
  'immediate',
  'failed',
  'mirror_error',
  'session_writes_lost',
  'model_refusal_fallback',
  'model_refusal_no_fallback',
])

export const isUrgent = ({ about, level }: Of<'notice'>): boolean => URGENT.has(level ?? about)
