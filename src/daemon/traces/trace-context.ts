import { createHash } from 'node:crypto'
import type { TraceContext } from './span.ts'

/**
 * Parses a `traceparent` of W3C Trace Context.
 * @returns undefined if it is invalid
 */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  const [, version, traceId = '', spanId = ''] =
    /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-[\da-f]{2}(?:-.*)?$/.exec(text?.trim() ?? '') ?? []
  const isValid = version !== undefined && version !== 'ff' && /[^0]/.test(traceId) && /[^0]/.test(spanId)
  return isValid ? { traceId, spanId } : undefined
}

const TRACE_DIGITS = 32
const SPAN_DIGITS = 16

/** Returns the id of the trace with this name. The same name always gives the same id. */
export const traceIdOf = (name: string) => digest(name, TRACE_DIGITS)

/** Returns the id of the span with this name. The same name always gives the same id. */
export const spanIdOf = (name: string) => digest(name, SPAN_DIGITS)

const digest = (name: string, digits: number) =>
  createHash('sha256').update(name).digest('hex').slice(0, digits)
