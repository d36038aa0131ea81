import { dollars } from '../../client/units.ts'
import type { HubAgent, HubMachine } from '../../protocol/index.ts'
import type { AgentDetail } from '../client/control-client.ts'
import { describedMachine } from '../client/machine-id.ts'
import { invokedAs } from '../program-name.ts'
import { delayText, endText, limitedText, problemTexts, stateText, turnFailureText } from './agents.ts'
import type { Colors } from './ansi.ts'
import { cleanLine } from './clean.ts'
import { layOut } from './layout.ts'
import { answerHint } from './permission.ts'
import { requestText } from './request.ts'
import { age, bytes } from './units.ts'
import { promptText, shortPromptId } from './waiting-prompt.ts'

/** Maximum length of a setting, in characters. */
const SPEC_CHARS = 300
/** Maximum width of a waiting prompt, in columns. */
const PROMPT_COLUMNS = 300

interface Shown {
  agent: HubAgent
  machine: HubMachine | undefined
  /** Available only on the agent's own machine. */
  detail: AgentDetail | undefined
}

/** Formats everything known about an agent. */
export function agentText(
  { agent, machine, detail }: Shown,
  now: number,
  colors: Colors,
  width?: number,
): string {
  const { bold, dim } = colors
  const row = (name: string, text: string | undefined) => {
    if (text === undefined) return []
    const [first = '', ...rest] = layOut([{ head: ' '.repeat(INDENT), text: cleanLine(text, 1000) }], width)
    return [bold(name.padEnd(INDENT - 1)) + first.slice(INDENT - 1), ...rest]
  }
  const ended = agent.state === 'exited' || agent.state === 'failed'
  const { session_id, runtime_version, total_cost_usd, restart_held_until } = agent
  return [
    ...row('Agent', agent.agent_id + (agent.title === undefined ? '' : `: ${agent.title}`)),
    ...row('State', `${stateText(agent)} for ${age(agent.since, now)}`),
    ...row(
      'Why',
      ended
        ? endText(agent)
        : (delayText(agent) ?? limitedText(agent) ?? turnFailureText(agent) ?? agent.turn_interrupted),
    ),
    ...(ended && !agent.gone ? row('', `→ ${remedyOf(agent)}`) : []),
    ...problemTexts(agent).flatMap((text, index) => row(index === 0 ? 'Problems' : '', text)),
    ...row('At limit', agent.on_limit),
    ...row('Held back', restart_held_until && `until ${restart_held_until}: it ended repeatedly`),
    ...agent.pending.flatMap((request) => [
      ...row('Waits', answerHint(agent.agent_id, request)),
      indent(requestText(request, colors, width && width - INDENT)),
    ]),
    ...row('', agent.pending_omitted ? `and ${agent.pending_omitted} more, not listed` : undefined),
    ...row('Queued', agent.undelivered_prompts > 0 ? prompts(agent.undelivered_prompts) : undefined),
    ...(agent.waiting_prompts ?? []).flatMap((prompt) =>
      row('', `${shortPromptId(prompt)}: ${promptText(prompt, PROMPT_COLUMNS)}`),
    ),
    ...row('Machine', machine ? describedMachine(machine) : agent.machine_id),
    ...row('Runtime', [agent.runtime, runtime_version, agent.model].filter(Boolean).join(' ')),
    ...row('Session', session_id),
    ...row('Mode', agent.permission_mode),
    ...row('Process', `${agent.pid === undefined ? 'none' : agent.pid}, run ${agent.run}`),
    ...row('Cost', total_cost_usd === undefined ? undefined : dollars(total_cost_usd)),
    ...row('Activity', `${bytes(agent.end)}, of which the hub has ${bytes(agent.offset)}`),
    ...row('Folder', agent.cwd),
    ...row('Branch', agent.worktree && `${agent.worktree.branch}, made from ${agent.worktree.repository}`),
    ...(detail
      ? detailRows(detail, row)
      : [dim("Run this on the agent's machine to see its settings and files.")]),
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
    ...row('Stderr', paths.stderr),
  ]
}

/** Column at which the text of a row begins. */
const INDENT = 11
const indent = (text: string) => text.replace(/^/gm, ' '.repeat(INDENT))

const prompts = (count: number) => `${count} prompt${count === 1 ? '' : 's'} not yet started`

/** Returns the next step after an agent's end. A resume cannot fix a failure of the session itself. */
function remedyOf({ agent_id, state, session_id, failure }: HubAgent): string {
  const program = invokedAs()
  if (state === 'failed' && failure?.remedy !== undefined) return failure.remedy
  if (state !== 'failed') return `Resume it: ${program} agent resume ${agent_id}`
  return session_id !== undefined && failure?.message.includes(session_id)
    ? `Fix the problem, then start another agent: ${program} agent start. Its last output: ${program} agent log ${agent_id}`
    : `Fix the problem, then resume it: ${program} agent resume ${agent_id}`
}
