import type { HealthProblem } from '../../protocol/index.ts'
import type { DaemonStatus } from '../client/control-client.ts'
import type { Finding } from '../render/finding.ts'

/** Maximum number of agents that a message names. */
const MOST_AGENTS = 5

/** States of agents without a process. */
const ENDED = ['exited', 'failed']

type Level = Finding['level']

const seen = (check: string, level: Level, message: string, remedy?: string): Finding => ({
  check,
  level,
  message,
  ...(remedy !== undefined && { remedy }),
  seen_by: 'daemon',
})

/**
 * Returns problems that the running daemon reports about its machine and agents. Other checks cover the
 * daemon's link and runtimes.
 */
export const daemonView = (daemon: DaemonStatus): Finding[] => [
  ...daemon.machine.problems.map(ofProblem),
  ...ofEnd(daemon),
  ...ofAgents(daemon),
]

function ofProblem({ code, severity, message, remedy, since, until }: HealthProblem): Finding {
  return {
    ...seen('machine', severity, message, remedy),
    code,
    since,
    ...(until !== undefined && { until }),
  }
}

/**
 * Reports agents that end with the daemon, although new agents would survive the daemon. The machine's
 * problems do not list these agents.
 */
function ofEnd({ agents_end }: DaemonStatus): Finding[] {
  if (agents_end?.shelter === undefined) return []
  const { message, remedy, agents } = agents_end
  if (agents.length === 0) return [seen('agents', 'info', message, remedy)]
  return [
    seen(
      'agents',
      'warning',
      `${message} Agents started earlier do not keep running: ${named(agents)}.`,
      remedy,
    ),
  ]
}

/** Reports problems of agents that have not ended. */
function ofAgents({ agents }: DaemonStatus): Finding[] {
  const living = agents.filter(({ state }) => !ENDED.includes(state))
  const failed = living.filter(({ turn_failed }) => turn_failed !== undefined)
  const without = living.filter(({ problems = [] }) => problems.length > 0)
  const ids = (list: typeof agents) => named(list.map(({ agent_id }) => agent_id))
  const of = (list: typeof agents, message: string) =>
    list.length === 0
      ? []
      : [
          seen(
            'agents',
            'warning',
            `${message}: ${ids(list)}`,
            `For the reason: fomular-daemon agent show ${list[0]!.agent_id}`,
          ),
        ]
  return [
    ...of(failed, 'The last turn failed for'),
    ...of(without, 'MCP servers, hooks or the program have problems in'),
  ]
}

function named(ids: string[]): string {
  const more = ids.length - MOST_AGENTS
  return `${ids.slice(0, MOST_AGENTS).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
