import type { PolicyRefusal } from '../refusal.ts'
import type { Policy } from '../schema.ts'

/** Returns the name of the tool in a rule such as `Bash(git status:*)`. */
const toolOf = (rule: string) => /^[^(]*/.exec(rule)![0].trim()

/**
 * Refuses tools and rules that a server may not permit without asking a person. A tool in the policy's list
 * permits every rule of the tool; a rule in the list permits only that rule.
 */
export function refusedTools({ tools }: Policy, allowed: readonly string[]): PolicyRefusal[] {
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
