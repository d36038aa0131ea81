import type { CommandType } from './commands.ts'

// Rules of a machine's policy that need nothing of the machine, so that a client can apply them to the part of
// the policy that the machine reports.

/** A part of a command or specification that the policy does not permit. */
export interface PolicyRefusal {
  /** Key of the policy, such as `folders.deny`. */
  key: string
  /** Sentence about the refusal, for the sender of the command. */
  message: string
  /** Time from which on the policy permits it (ISO 8601), if this is only a matter of time. */
  until?: string
}

/** Commands that make an agent do something, or change this machine. */
export const ACTING: readonly CommandType[] = [
  'agent:start',
  'agent:prompt',
  'agent:permission',
  'agent:answer',
  'agent:configure',
  'agent:resume',
  'agent:merge',
  'agent:discard',
  'daemon:restart',
  'daemon:update',
]

interface Modes {
  permission_modes: readonly string[]
}

/** Reports whether the policy permits a permission mode. */
export const isModePermitted = ({ permission_modes }: Modes, mode: string) =>
  permission_modes.includes('*') || permission_modes.includes(mode)

export function refusedMode(policy: Modes, mode: string | undefined): PolicyRefusal[] {
  // If the specification has no mode, the agent is launched with the first permitted mode.
  if (mode === undefined ? policy.permission_modes.length > 0 : isModePermitted(policy, mode)) return []
  const asked = mode === undefined ? 'any permission mode' : `the permission mode ${mode}`
  const permitted = policy.permission_modes.join(', ') || 'none'
  return [
    {
      key: 'permission_modes',
      message: `The machine's policy does not permit ${asked}; it permits: ${permitted}.`,
    },
  ]
}

/** Returns the name of the tool in a rule such as `Bash(git status:*)`. */
const toolOf = (rule: string) => /^[^(]*/.exec(rule)![0].trim()

/**
 * Refuses tools and rules that a server may not permit without asking a person. A tool in the policy's list
 * permits every rule of the tool; a rule in the list permits only that rule.
 */
export function refusedTools(
  { tools }: { tools: { allow: readonly string[] } },
  allowed: readonly string[],
): PolicyRefusal[] {
  if (tools.allow.includes('*')) return []
  // The runtime splits a rule at commas and spaces outside of parentheses, so one entry may contain several
  // rules.
  return allowed
    .filter((rule) => !tools.allow.includes(rule) && !(isOneRule(rule) && tools.allow.includes(toolOf(rule))))
    .map((rule) => ({
      key: 'tools.allow',
      message: `The machine's policy does not let a server permit the tool ${rule} without asking.`,
    }))
}

/** Reports whether a text is exactly one tool, or one rule of a tool. */
const isOneRule = (rule: string) => /^[\w-]+(\([^()]*\))?$/.test(rule)

export function refusedSystemPrompt(
  policy: { system_prompt: string },
  asked: { mode: 'append' | 'replace' } | undefined,
): PolicyRefusal[] {
  if (!asked || policy.system_prompt === 'replace' || policy.system_prompt === asked.mode) return []
  const doing = asked.mode === 'append' ? 'append to' : 'replace'
  return [
    {
      key: 'system_prompt',
      message: `The machine's policy does not let a server ${doing} the system prompt.`,
    },
  ]
}

/** Refuses runtimes that the policy does not name. Without names, the policy permits all runtimes. */
export const refusedRuntimeName = (names: readonly string[] | undefined, name: string): PolicyRefusal[] =>
  !names || names.includes(name)
    ? []
    : [{ key: 'runtimes', message: `The machine's policy does not permit the runtime ${name}.` }]

/** Returns a refusal if a policy refuses all commands of this type. @param denied `commands.deny` */
export const refusedByName = (denied: readonly string[], type: string): PolicyRefusal[] =>
  denied.includes(type) ? [{ key: 'commands.deny', message: `The machine's policy refuses ${type}.` }] : []

/** Reports whether a folder is `outer` or below it. Links must be resolved in both paths. */
export const isWithin = (path: string, outer: string) =>
  outer === '/' || path === outer || path.startsWith(`${outer}/`)
