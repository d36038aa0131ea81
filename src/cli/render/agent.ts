import type { HubAgent, HubMachine } from '../../protocol/index.ts'
import type { AgentDetail } from '../client/control-client.ts'
import { describedMachine } from '../client/machine-id.ts'
import { invokedAs } from '../invoked.ts'
import { delayText, endText, problemTexts, stateText, turnFailureText } from './agents.ts'
import type { Colors } from './ansi.ts'
import { cleanLine } from './clean.ts'
import { lay } from './lay.ts'
import { answerHint } from './permission.ts'
import { requestText } from './request.ts'
import { age, bytes, dollars } from './units.ts'

/** Settings in a line, at most. */
const SPEC_CHARS = 300

interface Shown {
  agent: HubAgent
  machine: HubMachine | undefined
  /** Known on its own machine only. */
  detail: AgentDetail | undefined
}

/** All that is known of an agent, for people. */
export function agentText(
  { agent, machine, detail }: Shown,
  now: number,
  colors: Colors,
  width?: number,
): string {
  const { bold, dim } = colors
  const row = (name: string, text: string | undefined) => {
    if (text === undefined) return []
    const [first = '', ...rest] = lay([{ head: ' '.repeat(INDENT), text: cleanLine(text, 1000) }], width)
    return [bold(name.padEnd(INDENT - 1)) + first.slice(INDENT - 1), ...rest]
  }
  const ended = agent.state === 'exited' || agent.state === 'failed'
  const { session_id, runtime_version, total_cost_usd, restart_held_until } = agent
  return [
    ...row('Agent', agent.agent_id + (agent.title === undefined ? '' : `: ${agent.title}`)),
    ...row('State', `${stateText(agent)} for ${age(agent.since, now)}`),
    ...row(
      'Why',
      ended ? endText(agent) : (delayText(agent) ?? turnFailureText(agent) ?? agent.turn_interrupted),
    ),
    ...(ended && !agent.gone ? row('', `→ ${remedyOf(agent)}`) : []),
    ...problemTexts(agent).flatMap((text, index) => row(index === 0 ? 'Problems' : '', text)),
    ...row('Held back', restart_held_until && `until ${restart_held_until}: it ended again and again`),
    ...agent.pending.flatMap((request) => [
      ...row('Waits', answerHint(agent.agent_id, request)),
      indent(requestText(request, colors, width && width - INDENT)),
    ]),
    ...row('', agent.pending_omitted ? `and ${agent.pending_omitted} more, which are not listed` : undefined),
    ...row('Queued', agent.undelivered_prompts > 0 ? prompts(agent.undelivered_prompts) : undefined),
    ...row('Machine', machine ? describedMachine(machine) : agent.machine_id),
    ...row('Runtime', [agent.runtime, runtime_version, agent.model].filter(Boolean).join(' ')),
    ...row('Session', session_id),
    ...row('Mode', agent.permission_mode),
    ...row('Process', `${agent.pid === undefined ? 'none' : agent.pid}, run ${agent.run}`),
    ...row('Cost', total_cost_usd === undefined ? undefined : dollars(total_cost_usd)),
    ...row('Activity', `${bytes(agent.end)}, of which the hub has ${bytes(agent.offset)}`),
    ...row('Folder', agent.cwd),
    ...(detail
      ? detailRows(detail, row)
      : [dim('How it was set up, and where its files are, is shown on its own machine.')]),
  ].join('\n')
}

function detailRows({ spec, restarts, paths }: AgentDetail, row: (name: string, text: string) => string[]) {
  const { cwd: _cwd, runtime: _runtime, title: _title, ...settings } = spec
  return [
    ...Object.entries(settings).flatMap(([name, value], index) =>
      row(index === 0 ? 'Settings' : '', `${name}: ${cleanLine(JSON.stringify(value) ?? '', SPEC_CHARS)}`),
    ),
    ...(restarts.length > 0 ? row('Restarts', `${restarts.length}, the last at ${restarts.at(-1)}`) : []),
    ...row('Files', paths.dir),
    ...row('Last words', paths.stderr),
  ]
}

/** As far as the rows' text. */
const INDENT = 11
const indent = (text: string) => text.replace(/^/gm, ' '.repeat(INDENT))

const prompts = (count: number) => `${count} prompt${count === 1 ? '' : 's'} that it has not begun with`

/** How to go on after an agent's end. A resume cannot mend a failure that is about the session. */
function remedyOf({ agent_id, state, session_id, failure }: HubAgent): string {
  const program = invokedAs()
  if (state === 'failed' && failure?.remedy !== undefined) return failure.remedy
  if (state !== 'failed') return `Go on with it: ${program} agent resume ${agent_id}`
  return session_id !== undefined && failure?.message.includes(session_id)
    ? `Mend that, then start another: ${program} agent start. What it said last: ${program} agent log ${agent_id}`
    : `Mend that, then go on with it: ${program} agent resume ${agent_id}`
}
