import type { MachinePolicy } from '../../protocol/index.ts'
import { cleanLine } from './clean.ts'

/** Maximum length of a policy's one-line summary, and of a single fact about a policy, in characters. */
const LINE_CHARS = 300
const FACT_CHARS = 1000

/** Text for each source of a policy. A newer daemon may report other sources. */
const SOURCES: Record<string, string> = {
  file: 'from a file',
  careful: 'careful default',
  open: "none: a server may do anything that the daemon's user can",
  unreadable: 'unreadable: nothing is started',
}
const sourceText = ({ state }: MachinePolicy) =>
  Object.hasOwn(SOURCES, state) ? SOURCES[state]! : cleanLine(state, 40)

/** Formats a policy on one line. */
export function policyLine(policy: MachinePolicy): string {
  const told = policy.state === 'open' ? [] : policyFacts(policy).slice(0, 3)
  const facts = told.map(([name, value]) => `${name} ${value}`)
  return cleanLine([sourceText(policy), ...facts].join('; '), LINE_CHARS)
}

/**
 * Formats the number of refusals for each key, as text to print after a policy. Returns an empty text if
 * nothing was refused.
 */
export function refusedText(refused: Record<string, number> = {}): string {
  const counts = Object.entries(refused).map(([key, count]) => `${key} ${count}`)
  return counts.length === 0 ? '' : cleanLine(`; refused: ${counts.join(', ')}`, LINE_CHARS)
}

/** Returns the names and values of the things that a policy permits. */
export function policyFacts(policy: MachinePolicy): [name: string, value: string][] {
  const { folders, mcp_servers, mcp_listed = [] } = policy
  const listed = mcp_servers === 'listed' ? `listed (${words(mcp_listed)})` : mcp_servers
  const facts: [string, string | undefined][] = [
    ['modes', words(policy.permission_modes)],
    [
      'folders',
      folders && words(folders.allow) + (folders.deny.length > 0 ? ` but not ${words(folders.deny)}` : ''),
    ],
    ['MCP servers', listed],
    ['runtimes', words(policy.runtimes)],
    ['tools without asking', words(policy.tools_allowed)],
    ['tools denied', words(policy.tools_denied)],
    ['variables', variables(policy)],
    ['system prompt', policy.system_prompt],
    ['hooks and .mcp.json', policy.repository_trust],
    ['commands refused', words(policy.commands_denied)],
    ['signatures', policy.signed === undefined ? undefined : policy.signed ? 'required' : 'not required'],
  ]
  return facts.flatMap(([name, value]) => (value === undefined ? [] : [[name, cleanLine(value, FACT_CHARS)]]))
}

const words = (list: string[] | undefined): string | undefined =>
  list && (list.includes('*') && list.length === 1 ? 'any' : list.join(', ') || 'none')

const variables = ({ environment }: MachinePolicy): string | undefined =>
  environment?.includes('**')
    ? 'any'
    : environment && words(environment.map((name) => (name === '*' ? 'any but sensitive ones' : name)))
