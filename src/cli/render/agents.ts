import type { AgentStatus, HubAgent } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { cleanLine } from './clean.ts'
import { table } from './table.ts'
import { age, dollars } from './units.ts'

type Shown = AgentStatus &
  Partial<Pick<HubAgent, 'connected' | 'gone' | 'offset' | 'machine_id' | 'machine_name'>>

/** Agents as a table, those that want something first to see; with their machines where those are several. */
export function agentTable(agents: Shown[], now: number, { dim, bold, yellow, red, green }: Colors): string {
  if (agents.length === 0) return 'No agents. Start one: fomular-daemon agent start --prompt "…"'
  const sorted = [...agents].sort((a, b) => Date.parse(b.since) - Date.parse(a.since))
  const machines = machineLabels(agents)
  const [head, ...lines] = table(
    [
      'ID',
      ...(machines.size > 1 ? ['MACHINE'] : []),
      'STATE',
      'FOR',
      'PID',
      'COST',
      'DELIVERED',
      'CWD',
      'TITLE',
    ],
    sorted.map((agent) => [
      agent.agent_id,
      ...(machines.size > 1 ? [machines.get(agent.machine_id) ?? ''] : []),
      stateText(agent),
      age(agent.since, now),
      agent.pid === undefined ? '-' : String(agent.pid),
      agent.total_cost_usd === undefined ? '-' : dollars(agent.total_cost_usd),
      delivered(agent),
      cleanLine(agent.cwd, 40),
      cleanLine(agent.title ?? '', 60),
    ]),
  )
  const styles = { waiting: yellow, failed: red, working: green } as Record<
    string,
    ((text: string) => string) | undefined
  >
  return [
    bold(head ?? ''),
    ...lines.map((line, index) => {
      const { state, connected, gone } = sorted[index]!
      if (gone || connected === false || state === 'exited') return dim(line)
      return styles[state]?.(line) ?? line
    }),
  ].join('\n')
}

/** Machines by their ids: the name of each, with the beginning of its id where another goes by the same. */
function machineLabels(agents: Shown[]): Map<string | undefined, string> {
  const names = new Map(agents.map((agent) => [agent.machine_id, cleanLine(agent.machine_name ?? '', 24)]))
  const shared = (name: string) => [...names.values()].filter((each) => each === name).length > 1
  return new Map(
    [...names].map(([id, name]) => [id, shared(name) ? `${name} ${cleanLine(id ?? '', 8)}`.trim() : name]),
  )
}

/** Bytes of activity that the server has, of those there are. The hub knows both sooner than the agent's last status. */
const delivered = ({ acked, end, offset = 0 }: Shown) => `${Math.max(acked, offset)}/${Math.max(end, offset)}`

/** An agent's state in a few words. */
export function stateText({
  state,
  pending,
  exit,
  failure,
  turn_interrupted,
  connected,
  gone,
}: Shown): string {
  const away = gone ? ' (removed)' : connected === false ? ' (machine away)' : ''
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
      return `${turn_interrupted === undefined ? 'idle' : 'idle: interrupted'}${away}`
    case 'starting':
    case 'working':
    case 'stopping':
      return state + away
  }
}

function exitReason({ reason, code, signal }: NonNullable<AgentStatus['exit']>): string {
  if (reason === 'crashed' || reason === 'killed') return `${reason} (${signal ?? code ?? '?'})`
  return reason
}

/** What its activity does not tell: who ended the agent, or why its last turn broke off. In a sentence. */
export function reasonText({ exit, turn_interrupted }: AgentStatus): string | undefined {
  const reason = exit?.detail ?? turn_interrupted
  return reason === undefined ? undefined : cleanLine(reason, 500)
}

/** Why an agent is not running any more, in a sentence. */
export function endText({ state, exit, failure }: AgentStatus): string {
  if (state === 'failed')
    return `The agent failed to start: ${cleanLine(failure?.message ?? failure?.code ?? 'no reason known', 1000)}`
  const how = {
    stopped: 'was stopped',
    finished: 'has ended',
    crashed: 'crashed',
    killed: 'was killed',
    lost: 'was lost',
    rebooted: 'went with a reboot of its machine',
    lease: 'was ended because nobody came back in time',
  }[exit?.reason ?? 'lost']
  const code = exit?.signal ? ` (${exit.signal})` : exit?.code ? ` (code ${exit.code})` : ''
  const detail = exit?.detail === undefined ? '' : ` ${cleanLine(exit.detail, 500)}`
  return `The agent ${how}${code}.${detail}`
}
