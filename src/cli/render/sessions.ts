import { browserName } from '../../client/browser-name.ts'
import type { HubSession } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { cleanLine } from './clean.ts'
import { type Column, table } from './table.ts'
import { age } from './units.ts'

/**
 * Formats sessions as a table; the session that was used last comes first.
 * @param width width of the terminal in columns, if stdout is a terminal
 */
export function sessionTable(
  sessions: readonly HubSession[],
  now: number,
  { bold }: Colors,
  width?: number,
): string {
  const sorted = [...sessions].sort((one, other) => other.used_at.localeCompare(one.used_at))
  const column = (title: string, cell: (session: HubSession) => string, rest: Partial<Column> = {}) => ({
    title,
    cells: sorted.map(cell),
    ...rest,
  })
  const [head = '', ...lines] = table(
    [
      column('SESSION', ({ session_id }) => cleanLine(session_id, 16)),
      column('KEY', ({ name }) => cleanLine(name, 40), { cut: 'end', least: 10 }),
      column('BROWSER', ({ user_agent }) => browserName(user_agent), { cut: 'end', least: 10 }),
      column('FROM', ({ from = '-' }) => cleanLine(from, 45), { leftOut: 2 }),
      column('USED', ({ used_at }) => `${age(used_at, now)} ago`),
      column('ENDS', ({ expires_at }) => cleanLine(expires_at.slice(0, 10), 10), { leftOut: 1 }),
    ],
    width,
  )
  return [bold(head), ...lines].join('\n')
}
