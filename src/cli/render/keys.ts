import type { HubKey, HubMachine } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { cleanLine } from './clean.ts'
import { type Column, table } from './table.ts'

/** Maximum number of machines shown for one key. */
const SHOWN = 5

/**
 * Formats keys as a table, with a note for each key that several machines share.
 * @param width width of the terminal in columns, if stdout is a terminal
 */
export function keyTable(keys: HubKey[], machines: HubMachine[], colors: Colors, width?: number): string {
  const names = new Map(machines.map(({ machine_id, name, hostname }) => [machine_id, name ?? hostname]))
  const column = (
    title: string,
    cell: (key: HubKey) => string,
    rest: Omit<Column, 'title' | 'cells'> = {},
  ) => ({
    title,
    cells: keys.map(cell),
    ...rest,
  })
  const [head = '', ...lines] = table(
    [
      column('KEY', ({ key_id }) => cleanLine(key_id, 12)),
      column('ROLE', ({ role }) => cleanLine(role, 10)),
      column('NAME', ({ name, local }) => `${cleanLine(name, 40)}${local ? " (the hub's own)" : ''}`, {
        cut: 'end',
        least: 10,
      }),
      column('MADE', ({ created_at }) => cleanLine(created_at.slice(0, 10), 10), { leftOut: 1 }),
      column('MACHINE', (key) => machineText(key, names), { cut: 'end', least: 16 }),
    ],
    width,
  )
  const shared = keys.filter((key) => key.shared)
  const notes = shared.map(
    ({ key_id, name }) =>
      `! Several machines share the key ${cleanLine(name, 40)}, so each of them can act as the others. Bind this key to one machine with \`fomular-daemon hub key bind ${cleanLine(key_id, 12)} MACHINE\`, and give each other machine a separate key with \`fomular-daemon machine add\`.`,
  )
  return [colors.bold(head), ...lines, ...notes.map(colors.yellow)].join('\n')
}

function machineText({ role, machines, used }: HubKey, names: Map<string, string>): string {
  if (role !== 'machine') return used ? '-' : 'not used yet'
  if (machines.length === 0) return 'the first to use it'
  const shown = machines.slice(0, SHOWN).map((id) => {
    const name = names.get(id)
    return name === undefined ? cleanLine(id, 40) : `${cleanLine(name, 40)} (${cleanLine(id, 8)})`
  })
  const more = machines.length > SHOWN ? ` and ${machines.length - SHOWN} more` : ''
  return `${shown.join(', ')}${more}${used ? '' : ', not connected yet'}`
}
