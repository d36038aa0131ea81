import { Automaton, type Part } from './automaton.ts'
import { parsePattern } from './parse-pattern.ts'

/** Text that replaces a secret. */
export const REDACTED = '[redacted]'
/** Minimum length of a secret value, in characters. Shorter values are usually ordinary words and numbers. */
const VALUE_CHARS = 6
/** If a text was cut within a secret, the part at its end is replaced only if it has this many characters. */
const PART_CHARS = 4
/**
 * A blanked text may have twice the length of the original, plus this number of characters, so that short
 * texts stay below the limit.
 */
const SHORT_CHARS = 100

/** Returns a text without its secrets. */
export type Blank = (text: string) => string

/**
 * Returns a function that replaces secret values, and all matches of patterns. The function also replaces
 * individual lines of a value, and values in their JSON form.
 * @throws Error if the patterns together are too large
 */
export function blanker(values: Iterable<string>, patterns: readonly string[]): Blank {
  const secrets = [...new Set([...values].flatMap(formsOf))].sort((a, b) => b.length - a.length)
  const automaton = patterns.length > 0 ? new Automaton(patterns.map(parsePattern)) : undefined
  return (text) => {
    const blanked = joined(text, partsOf(text, secrets, automaton))
    // Replace the whole text if it became much longer, so that it still fits in its frame.
    return blanked.length > SHORT_CHARS + 2 * text.length ? REDACTED : blanked
  }
}

const formsOf = (value: string) =>
  [value, ...value.split(/\r?\n/)]
    .filter((form) => form.trim().length >= VALUE_CHARS)
    .flatMap((form) => [form, JSON.stringify(form).slice(1, -1)])

/** Returns the secret parts of a text, in order. They may overlap. */
function partsOf(text: string, secrets: string[], automaton: Automaton | undefined): Part[] {
  const parts = automaton?.matches(text) ?? []
  for (const secret of secrets)
    for (let at = text.indexOf(secret); at >= 0; at = text.indexOf(secret, at + secret.length))
      parts.push([at, at + secret.length])
  if (text.endsWith('…')) parts.push(...cutOff(text, secrets))
  return parts.sort(([a], [b]) => a - b)
}

/** If a text was cut within a secret, returns the part of the secret that remains at the end of the text. */
function cutOff(text: string, secrets: string[]): Part[] {
  const end = text.length - 1
  for (const secret of secrets)
    for (let length = Math.min(secret.length, end); length >= PART_CHARS; length--)
      if (text.startsWith(secret.slice(0, length), end - length)) return [[end - length, end]]
  return []
}

function joined(text: string, parts: Part[]): string {
  if (parts.length === 0) return text
  let blanked = ''
  let done = 0
  let open = false
  for (const [from, to] of parts) {
    if (from > done || !open) blanked += text.slice(done, from) + REDACTED
    open = true
    done = Math.max(done, to)
  }
  return blanked + text.slice(done)
}
