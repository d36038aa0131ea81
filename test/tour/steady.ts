/** Values in the picture that differ from run to run. */
const SESSION = '9f666cfc-96da-45d6-ba3f-0b9e3afe0b19'
const AGENT = { FOR: '4 s', PID: '16141', DELIVERED: '42477/42477' }

/** Returns a screen with the same ids, times, and sizes in every run. */
export function steady(screen: string): string {
  const lines = screen
    .replace(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, SESSION)
    .replace(/\d+\.\d s, \$/g, '2.4 s, $')
    .split('\n')
  const head = lines.findIndex((line) => /\bPID\b/.test(line))
  if (head !== -1) lines.splice(head, 2, ...steadyTable(lines[head]!, lines[head + 1]!))
  return lines.join('\n')
}

/**
 * Returns the heading and the row of a table of agents. The values are the same in every run, and the columns
 * are as wide as these values.
 */
function steadyTable(head: string, row: string): [string, string] {
  const [titles, cells] = [cellsOf(head), cellsOf(row)]
  const values = cells.map((cell, at) => AGENT[plain(titles[at]!) as keyof typeof AGENT] ?? cell)
  const widths = titles.map((title, at) => Math.max(plain(title).length, plain(values[at] ?? '').length))
  const aligned = (texts: string[]) =>
    texts
      .map((text, at) => text + ' '.repeat(widths[at]! - plain(text).length))
      .join('  ')
      .trimEnd()
  return [aligned(titles), aligned(values)]
}

const cellsOf = (row: string) => row.trimEnd().split(/ {2,}/)
const plain = (text: string) => text.replace(/\x1b\[[\d;]*m/g, '')
