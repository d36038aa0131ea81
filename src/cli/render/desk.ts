import type { FleetAgent } from '../../client/fleet-agent.ts'
import { Reveal } from '../../client/reveal-hidden.ts'
import type { PermissionRequest } from '../../protocol/index.ts'
import { stateText } from './agents.ts'
import type { Colors } from './ansi.ts'
import { cleanLine } from './clean.ts'
import { layLines } from './layout.ts'
import { type Column, table } from './table.ts'
import { age } from './units.ts'
import { cutEnd, cutPath } from './width.ts'

/** Maximum length of a name, and of a folder, in a line, in columns. */
const NAME_COLUMNS = 40
const FOLDER_COLUMNS = 200
/** Maximum number of agents that a line names, and minimum width for their names, in columns. */
const NAMED = 5
const LEAST_COLUMNS = 20

interface Row {
  agent: FleetAgent
  what: string
}

/** A request that waits for a person; without `request`, the requests that the agent's status leaves out. */
interface WaitingRow {
  agent: FleetAgent
  request: PermissionRequest | undefined
}

/** Returns the number of requests. */
export const countOf = (waiting: readonly WaitingRow[]): number =>
  waiting.reduce((sum, { agent, request }) => sum + (request ? 1 : (agent.pending_omitted ?? 0)), 0)

/** Formats the requests that wait for a person as a table. */
export const waitingTable = (waiting: WaitingRow[], now: number, colors: Colors, width: number | undefined) =>
  tableOf(
    waiting.map(({ agent, request }) => ({
      agent,
      what: request ? whatOf(request) : `${agent.pending_omitted} not listed`,
    })),
    'WAITS FOR',
    now,
    colors,
    width,
  )

/** Formats working agents as a table. */
export const workingTable = (agents: FleetAgent[], now: number, colors: Colors, width: number | undefined) =>
  tableOf(
    agents.map((agent) => ({ agent, what: stateText({ begin: 0, acked: 0, end: 0, ...agent }) })),
    'STATE',
    now,
    colors,
    width,
  )

function tableOf(
  rows: Row[],
  what: string,
  now: number,
  { bold }: Colors,
  width: number | undefined,
): string {
  const column = (title: string, cell: (row: Row) => string, rest: Partial<Column> = {}): Column => ({
    title,
    cells: rows.map(cell),
    ...rest,
  })
  const [head = '', ...lines] = table(
    [
      column('AGENT', ({ agent }) => agent.agent_id),
      column('MACHINE', ({ agent }) => machineOf(agent), { cut: 'end', least: 10 }),
      column(what, (row) => row.what, { cut: 'end', least: 12 }),
      column('FOR', ({ agent }) => age(agent.since, now)),
      column('FOLDER', ({ agent }) => cleanLine(agent.cwd), { cut: 'path', least: 20 }),
    ],
    width && width - INDENT,
  )
  return [bold(head), ...lines].map((line) => ' '.repeat(INDENT) + line).join('\n')
}

const INDENT = 2

const machineOf = ({ machine_name, machine_id }: FleetAgent) =>
  cleanLine(machine_name ?? machine_id, NAME_COLUMNS)

/** Returns what a request waits for, in a few words. */
function whatOf({ ask, tool, form }: PermissionRequest): string {
  if (ask === 'plan') return 'a plan'
  if (ask === 'question') return form ? 'a form' : 'a question'
  return tool === 'TrustRepository' ? 'trust in a folder' : cleanLine(tool, NAME_COLUMNS)
}

/** Formats the line before a request: its agent, and how many further requests wait. */
export function askerText(
  agent: FleetAgent,
  more: number,
  now: number,
  { bold, dim }: Colors,
  width: number | undefined,
): string {
  const reveal = new Reveal()
  const text = `${agent.agent_id} on ${reveal.line(machineOf(agent))}, in ${cutPath(reveal.line(agent.cwd), FOLDER_COLUMNS)}, waits for ${age(agent.since, now)}${more === 0 ? '' : ` (${more} more)`}`
  const [first = '', ...rest] = layLines([text], width)
  return [dim('—') + bold(first.slice(1)), ...rest].join('\n')
}

/**
 * Returns a sentence about requests that cannot be answered now, because their machines are not connected;
 * undefined if there are none.
 */
export function awayText(away: readonly WaitingRow[]): string | undefined {
  const count = countOf(away)
  if (count === 0) return undefined
  const machines = new Map(away.map(({ agent }) => [agent.machine_id, machineOf(agent)]))
  const [name = '', ...others] = machines.values()
  const more = others.length === 0 ? 'is' : `and ${others.length} more are`
  return `${count === 1 ? '1 request' : `${count} requests`} must wait: ${name} ${more} not connected.`
}

/**
 * Formats the line that is shown while nothing waits.
 * @param away sentence about requests that cannot be answered now, if there are any
 * @param columns width that the line may have, if the names of the agents can be shortened
 */
export function idleText(
  working: FleetAgent[],
  skipped: number,
  away: string | undefined,
  columns: number,
): string {
  const now = skipped > 0 ? [`You skipped ${skipped}.`] : away === undefined ? ['Nothing waits for you.'] : []
  const waits = [...now, ...(away === undefined ? [] : [away])].join(' ')
  if (working.length === 0) return away === undefined ? `${waits} No agent works.` : waits
  const names = working.slice(0, NAMED).map((agent) => `${agent.agent_id} (${machineOf(agent)})`)
  const others = working.length - names.length
  const all = [...names, ...(others > 0 ? [`${others} more`] : [])].join(', ')
  const begin = `${waits} Working: `
  return `${begin}${cutEnd(all, Math.max(LEAST_COLUMNS, columns - begin.length - 1))}.`
}
