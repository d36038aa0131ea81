import type { Attributes, Span } from './span.ts'

const NANOSECONDS = 1_000_000n
/** Kind of a span whose work happens inside of one process. */
const INTERNAL = 1
/** Status of a span whose work has failed. */
const ERROR = 2

/** Returns the body of a request to a collector: OTLP over HTTP, as JSON. @param resource facts about the sender */
export const otlpOf = (resource: Attributes, version: string, spans: readonly Span[]): string =>
  JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: attributesOf(resource) },
        scopeSpans: [{ scope: { name: 'fomular-daemon', version }, spans: spans.map(spanOf) }],
      },
    ],
  })

const spanOf = ({ traceId, spanId, parentSpanId, name, startMs, endMs, attributes, error }: Span) => ({
  traceId,
  spanId,
  ...(parentSpanId !== undefined && { parentSpanId }),
  name,
  kind: INTERNAL,
  startTimeUnixNano: nanoseconds(startMs),
  endTimeUnixNano: nanoseconds(endMs),
  attributes: attributesOf({ ...attributes, ...(error !== undefined && { 'error.type': error }) }),
  ...(error !== undefined && { status: { code: ERROR } }),
})

const nanoseconds = (ms: number) => String(BigInt(Math.round(ms)) * NANOSECONDS)

const attributesOf = (attributes: Attributes) =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: encoded(value) }))

function encoded(value: Attributes[string]) {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}
