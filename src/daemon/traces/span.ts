export type Attributes = Record<string, string | number | boolean>

/** Place in a trace. `traceId` has 32 hexadecimal digits, and `spanId` has 16. */
export interface TraceContext {
  traceId: string
  spanId: string
}

/** A finished piece of work. Times are in ms since 1970. */
export interface Span extends TraceContext {
  parentSpanId?: string | undefined
  name: string
  startMs: number
  endMs: number
  attributes: Attributes
  /** Kind of the failure, if the work has failed. */
  error?: string | undefined
}
