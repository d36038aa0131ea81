/** Bytes `[from, to)` of a journal. */
export interface Span {
  from: number
  to: number
}
