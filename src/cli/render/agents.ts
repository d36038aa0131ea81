import { dollars } from '../../client/units.ts'
import type { AgentStatus, HubAgent } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { cleanLine } from './clean.ts'
import { type Column, table } from './table.ts'
import { age } from './units.ts'

type Shown = AgentStatus &
  Partial<Pick<HubAgent, 'connected' | 'gone' | 'offset' | 'machine_id' | 'machine_name'>>

/**
 * Formats agents as a table. Agents that wait for an answer come first. If there are several machines, the
 * table has a machine column.
 * @param width width of the terminal in columns, if stdout is a terminal
 */
export function agentTable(
  agents: Shown[],
  now: number,
  { dim, bold, yellow, red, green }: Colors,
  width?: number,
): string {
  if (agents.length === 0) return 'No agents. Start one: fomular-daemon agent start --prompt "…"'
  const sorted = [...agents].sort(
    (a, b) =>
      Number(canBeAnswered(b)) - Number(canBeAnswered(a)) || Date.parse(b.since) - Date.parse(a.since),
  )
  const [head, ...lines] = table(columns(sorted, now), width)
  const styles = { waiting: yellow, failed: red, working: green } as Record<
    string,
    ((text: string) => string) | undefined
  >
  return [
    bold(head ?? ''),
    ...lines.map((line, index) => {
      const { state, connected, gone, turn_failed } = sorted[index]!
      if (gone || connected === false || state === 'exited') return dim(line)
      if (state === 'idle' && turn_failed) return red(line)
      return styles[state]?.(line) ?? line
    }),
  ].join('\n')
}

/** Reports whether an agent waits for an answer and can receive it. */
const canBeAnswered = ({ state, connected, gone }: Shown) =>
  state === 'waiting' && connected !== false && !gone

function columns(agents: Shown[], now: number): Column[] {
  const machines = machineLabels(agents)
  const column = (
    title: string,
    cell: (agent: Shown) => string,
    rest: Omit<Column, 'title' | 'cells'> = {},
  ) => ({
    title,
    cells: agents.map(cell),
    ...rest,
  })
  const machine = column('MACHINE', ({ machine_id }) => machines.get(machine_id) ?? '', {
    cut: 'end',
    least: 10,
  })
  return [
    column('ID', ({ agent_id }) => agent_id),
    ...(machines.size > 1 ? [machine] : []),
    column('STATE', stateText, { cut: 'end', least: 20 }),
    column('FOR', ({ since }) => age(since, now)),
    column('PID', ({ pid }) => (pid === undefined ? '-' : String(pid)), { leftOut: 2 }),
    column('COST', ({ total_cost_usd: usd }) => (usd === undefined ? '-' : dollars(usd)), { leftOut: 3 }),
    column('DELIVERED', delivered, { leftOut: 1 }),
    column('CWD', ({ cwd }) => cleanLine(cwd), { cut: 'path', least: 20 }),
    column('TITLE', ({ title = '' }) => cleanLine(title, 60), { cut: 'end', least: 12 }),
  ]
}

/** Returns the name of each machine by id. Machines with the same name get a prefix of their id. */
function machineLabels(agents: Shown[]): Map<string | undefined, string> {
  const names = new Map(agents.map((agent) => [agent.machine_id, cleanLine(agent.machine_name ?? '', 24)]))
  const shared = (name: string) => [...names.values()].filter((each) => each === name).length > 1
  return new Map(
    [...names].map(([id, name]) => [id, shared(name) ? `${name} ${cleanLine(id ?? '', 8)}`.trim() : name]),
  )
}

/**
 * Formats how many bytes of the agent's activity were delivered, and how many there are. The hub may know
 * higher numbers than the numbers in the agent's status.
 */
const delivered = ({ acked, end, offset = 0 }: Shown) => `${Math.max(acked, offset)}/${Math.max(end, offset)}`

/** Formats an agent's state in a few words. */
export function stateText({
  state,
  pending,
  exit,
  failure,
  turn_interrupted,
  turn_failed,
  limited,
  problems = [],
  queued,
  slow,
  background_tasks = [],
  connected,
  gone,
}: Shown): string {
  const away = gone ? ' (removed)' : connected === false ? ' (machine away)' : ''
  const failing = problems.filter(({ status }) => status !== 'pending').length
  const impaired = failing === 0 ? '' : `: ${failing} problem${failing === 1 ? '' : 's'}`
  const tasks = background_tasks.length
  const running = tasks === 0 ? '' : `: ${tasks} task${tasks === 1 ? '' : 's'} running`
  switch (state) {
    case 'waiting': {
      const ask = pending[0]?.ask
      return `waiting: ${ask === 'question' ? 'question' : ask === 'plan' ? 'plan' : (cleanLine(pending[0]?.tool ?? 'permission', 20))}${away}`
    }
    case 'exited':
      return `exited: ${exit === undefined ? 'unknown' : exitReason(exit)}${away}`
    case 'failed':
      return `failed: ${cleanLine(failure?.code ?? 'unknown', 30)}${away}`
    case 'idle':
      if (limited) return `idle: usage limit${limited.waits ? ', waits' : ''}${away}`
      return `${turn_failed ? 'idle: turn failed' : turn_interrupted ? 'idle: interrupted' : `idle${impaired || running}`}${away}`
    case 'starting':
      return `starting${queued ? ': queued' : slow ? ': slow' : ''}${away}`
    case 'working':
      return state + impaired + away
    case 'stopping':
      return state + away
  }
}

function exitReason({ reason, code, signal }: NonNullable<AgentStatus['exit']>): string {
  if (reason === 'crashed' || reason === 'killed')
    return `${reason} (${signal === undefined ? (code ?? '?') : cleanLine(signal, 40)})`
  return reason
}

/**
 * Returns a sentence that says who ended the agent, or why its last turn was interrupted. The agent's
 * activity does not say this.
 */
export function reasonText({ exit, turn_interrupted }: AgentStatus): string | undefined {
  const reason = exit?.detail ?? turn_interrupted
  return reason === undefined ? undefined : cleanLine(reason, 500)
}

/** Returns a sentence on why the agent's start is delayed. */
export function delayText({ queued, slow }: AgentStatus): string | undefined {
  if (slow) return cleanLine(slow.detail, 500)
  if (!queued) return undefined
  const { since, place, reason = 'Other agents are starting.', remedy } = queued
  const inQueue = place === undefined ? 'Queued' : `Number ${place} in the queue`
  return [`${inQueue}, since ${cleanLine(since, 40)}.`, reason, remedy]
    .flatMap((part) => (part === undefined ? [] : [cleanLine(part, 500)]))
    .join(' ')
}

/** Returns sentences on a usage limit that has ended the agent's last turn. */
export function limitedText({ limited }: AgentStatus): string | undefined {
  if (!limited) return undefined
  const until = limited.until === undefined ? '' : ` until ${cleanLine(limited.until, 40)}`
  const then = limited.waits ? ' Its turn continues after that.' : ''
  return `The agent is at the usage limit of its account${until}.${then}`
}

/** Returns a sentence on how the last turn failed. */
export function turnFailureText({ turn_failed }: AgentStatus): string | undefined {
  if (!turn_failed) return undefined
  const { outcome, message } = turn_failed
  const what =
    outcome === 'prompt_rejected'
      ? 'Its last prompt was refused'
      : `Its last turn failed (${cleanLine(outcome, 60)})`
  return message === undefined ? `${what}.` : `${what}: ${cleanLine(message, 500)}`
}

/** Returns the agent's problems, one per line, such as MCP servers that are unavailable. */
export const problemTexts = ({ problems = [] }: AgentStatus): string[] =>
  problems.map(({ kind, name, status, detail }) =>
    cleanLine(
      `${kind === 'mcp_server' ? 'MCP server' : kind} ${name}: ${status}${detail === undefined ? '' : `, ${detail}`}`,
      600,
    ),
  )

/** Returns a sentence on why an agent is no longer running. */
export function endText({ state, exit, failure }: AgentStatus): string {
  if (state === 'failed')
    return `The agent failed to start: ${cleanLine(failure?.message ?? failure?.code ?? 'unknown reason', 1000)}`
  const how = {
    stopped: 'was stopped',
    finished: 'has ended',
    crashed: 'crashed',
    killed: 'was killed',
    lost: 'was lost',
    rebooted: 'ended when its machine rebooted',
    lease: 'was stopped because its lease expired',
  }[exit?.reason ?? 'lost']
  const code = exit?.signal ? ` (${cleanLine(exit.signal, 40)})` : exit?.code ? ` (code ${exit.code})` : ''
  const detail = exit?.detail === undefined ? '' : ` ${cleanLine(exit.detail, 500)}`
  return `The agent ${how}${code}.${detail}`
}
