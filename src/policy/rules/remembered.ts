import { type PolicyRefusal, refusedMode, refusedTools } from '../../protocol/policy-rules.ts'
import type { Policy } from '../schema.ts'
import { refusedFolders } from './folders.ts'

/**
 * An approval can make the runtime remember rules, which then permit tools, modes, and folders without asking
 * a person. Refuses rules that the policy does not permit. The rules have the same format as the runtime's
 * suggestions.
 */
export function refusedMemory(policy: Policy, entries: readonly unknown[]): PolicyRefusal[] {
  return entries.flatMap((entry) => {
    const { type, behavior, rules, mode, directories } = (entry ?? {}) as Record<string, unknown>
    if (type === 'setMode') return refusedMode(policy, String(mode))
    if (type === 'addDirectories' && isTexts(directories)) return refusedFolders(policy, directories)
    if (type === 'removeDirectories' || (type === 'removeRules' && behavior === 'allow')) return []
    if (type === 'addRules' && (behavior === 'deny' || behavior === 'ask')) return []
    if (type === 'addRules' && Array.isArray(rules)) return refusedTools(policy, rules.map(ruleOf))
    return refusedTools(policy, ['(an unknown kind of rule)'])
  })
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')

/** Returns a rule as text, such as `Bash(git status:*)`. */
function ruleOf(rule: unknown): string {
  const { toolName, ruleContent } = (rule ?? {}) as Record<string, unknown>
  return ruleContent === undefined ? String(toolName) : `${String(toolName)}(${String(ruleContent)})`
}
