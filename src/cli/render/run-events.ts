import type { Event } from '../../protocol/index.ts'
import { cleanLine } from './clean.ts'
import { duration } from './units.ts'

type Of<K extends Event['kind']> = Extract<Event, { kind: K }>

export function exitText({ code, signal, reason }: Of<'process_exited'>): string {
  if (reason === 'rebooted') return 'ended when the machine rebooted'
  const how =
    signal !== undefined ? `by ${cleanLine(signal, 20)}` : code !== undefined ? `with code ${code}` : ''
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
