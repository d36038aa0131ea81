const MARK = '~'
const DIGITS = 16

/**
 * Returns a line of an agent's output, `bytes` bytes long with its newline, that contains the time of the
 * write.
 */
export function stampedLine(at: number, bytes: number): string {
  const stamp = `${MARK}${String(Math.round(at * 1000)).padStart(DIGITS, '0')}${MARK}`
  const make = (filling: string) =>
    `{"type":"assistant","message":{"id":"msg_01","role":"assistant","content":[{"type":"text","text":"${stamp}${filling}"}]},"parent_tool_use_id":null,"session_id":"6f1b0c9e-55d1-4c0f-9d2b-6a1f0c1d2e3f"}\n`
  return make('x'.repeat(Math.max(0, bytes - make('').length)))
}

const mark = MARK.charCodeAt(0)

/**
 * Calls `found` with the time in each stamped line of a frame, in any format.
 * @returns the number of lines
 */
export function stamps(frame: Buffer, found?: (at: number) => void): number {
  let count = 0
  for (let at = frame.indexOf(mark); at !== -1; at = frame.indexOf(mark, at + DIGITS + 2)) {
    count++
    found?.(Number(frame.toString('latin1', at + 1, at + 1 + DIGITS)) / 1000)
  }
  return count
}
