import { isElsewhere } from '../../config/server-url.ts'
import type { DaemonStatus } from '../client/control-client.ts'
import { agentTable } from './agents.ts'
import type { Colors } from './ansi.ts'
import { cleanLine } from './clean.ts'
import { problemText, runtimeText } from './machine.ts'
import { policyLine, refusedText } from './policy.ts'
import { age, bytes } from './units.ts'

/** Reports whether the daemon is connected and its server answers. */
export const isHealthy = ({ link, server_hears_ms }: DaemonStatus) =>
  link.state === 'live' && server_hears_ms !== null

/** Formats the status of a daemon. @param width width of the terminal in columns, if stdout is a terminal */
export function statusText(status: DaemonStatus, now: number, colors: Colors, width?: number): string {
  const { bold, dim } = colors
  const row = (name: string, text: string) => `${bold(name.padEnd(9))} ${text}`
  const { machine, agents } = status
  const lines = [
    row(
      'Daemon',
      `${cleanLine(status.version, 40)}, process ${status.pid}, running for ${age(status.started_at, now)}`,
    ),
    row('Machine', cleanLine(status.machine_id, 128)),
    row('Server', serverText(status, now, colors)),
    row('State', cleanLine(status.state_dir, 4096)),
    row(
      'Disk',
      `${bytes(machine.disk.available_bytes)} free; memory ${bytes(machine.memory.available_bytes)} free${loadText(machine.load)}`,
    ),
    ...(machine.runtimes.length === 0
      ? [row('Runtime', dim('checking'))]
      : machine.runtimes.map((runtime) => row('Runtime', runtimeText(runtime)))),
    ...(machine.policy
      ? [row('Policy', policyLine(machine.policy) + refusedText(status.policy_refused))]
      : []),
    ...endText(status, colors),
    ...machine.problems.map((problem) => problemText(problem, colors)),
    '',
    agents.length === 0 && isElsewhere(status.server_url)
      ? `No agents. The server at ${cleanLine(status.server_url, 300)} starts them.`
      : agentTable(agents, now, colors, width),
  ]
  return lines.join('\n')
}

/** Returns the load of the last minute, for the end of a row. */
const loadText = (load: DaemonStatus['machine']['load']) =>
  load
    ? `; load ${load.one_minute.toFixed(2)} on ${load.processors} ${load.processors === 1 ? 'processor' : 'processors'}`
    : ''

/**
 * Returns lines about agents that end with the daemon, unless the machine's problems mention these agents.
 */
function endText({ agents_end }: DaemonStatus, colors: Colors): string[] {
  if (agents_end?.shelter === undefined) return []
  const { message, remedy, agents } = agents_end
  const facts =
    agents.length === 0
      ? message
      : `${message} Agents started earlier do not keep running: ${agents.join(', ')}.`
  const severity = agents.length === 0 ? 'info' : 'warning'
  return [problemText({ code: '', severity, message: facts, remedy, since: '' }, colors)]
}

function serverText(
  { server_url, link, server_hears_ms }: DaemonStatus,
  now: number,
  { green, red, yellow }: Colors,
): string {
  const url = cleanLine(server_url, 300)
  const why = link.last_error === undefined ? '' : `: ${cleanLine(link.last_error, 300)}`
  if (link.state === 'live')
    return server_hears_ms === null
      ? `${url} ${red('connected, but the server does not answer')}`
      : `${url} ${green(`connected for ${age(link.since, now)}`)}, answers in ${Math.round(server_hears_ms)} ms`
  if (link.state === 'dialing' || link.state === 'greeting')
    return `${url} ${yellow(`not connected for ${age(link.since, now)}, try ${link.attempt}`)}${why}`
  return `${url} ${red(link.state)}${why}`
}
