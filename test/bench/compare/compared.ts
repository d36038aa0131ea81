/** Memory in MB. */
export interface Memory {
  rss: number
  pss: number
}

/** Measurements of one peer. A field is undefined if it does not apply, or if a measurement failed. */
export interface Compared {
  name: string
  version: string
  /** Number of agents for the measurements of memory and of the kill. */
  agents: number
  readyMs?: { median: number; least: number; most: number }
  idle?: Memory
  firstAgent?: Memory
  furtherAgent?: Memory
  /** Memory for each further agent, without the process of Claude Code. */
  besideClaude?: Memory
  /** Numbers of agents, and of all processes, that still run after the kill of the server. */
  left?: { agents: number; processes: number }
  /** Number of turns that the restarted server shows as complete. */
  turns?: number
  /** Reason why a measurement failed. All later measurements are missing. */
  problem?: string
}

const HEAD = [
  'server',
  'ready, ms',
  'idle, MB',
  'first agent, MB',
  'further agent, MB',
  'without Claude Code, MB',
  'left after SIGKILL',
  'turns completed',
]

const memory = (of?: Memory) => of && [of.rss, of.pss].map((mb) => mb.toFixed(mb < 10 ? 1 : 0)).join(' / ')

function row({ name, version, agents, readyMs, left, turns, ...measured }: Compared): string[] {
  return [
    `${name} ${version}`,
    readyMs && `${readyMs.median.toFixed()} (${readyMs.least.toFixed()} to ${readyMs.most.toFixed()})`,
    memory(measured.idle),
    memory(measured.firstAgent),
    memory(measured.furtherAgent),
    memory(measured.besideClaude),
    left && `${left.agents} agents, ${left.processes} processes`,
    turns === undefined ? undefined : `${turns} of ${agents}`,
  ].map((cell) => cell ?? 'n.a.')
}

/** Formats peers as a Markdown table, or as columns for a terminal. The reasons for failures follow. */
export function comparison(peers: Compared[], markdown: boolean): string {
  const rows = [HEAD, ...peers.map(row)]
  if (markdown)
    rows.splice(
      1,
      0,
      HEAD.map(() => '---'),
    )
  const widths = HEAD.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)))
  const lines = rows.map((cells) =>
    markdown
      ? `| ${cells.join(' | ')} |`
      : cells.map((cell, column) => cell.padEnd(widths[column]!)).join('  '),
  )
  const problems = peers.filter(({ problem }) => problem).map(({ name, problem }) => `${name}: ${problem}`)
  return [...lines, ...(problems.length > 0 ? ['', ...problems] : [])].join('\n')
}
