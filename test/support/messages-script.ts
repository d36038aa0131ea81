/**
 * Replies of the stand-in for the Messages API. The prompt itself contains the replies, so that they survive
 * restarts of every process:
 *
 *     any words MOCK[[STEP-ITEM, …], [STEP-ITEM, …], …]
 *
 * `MOCK` is followed by a JSON array of steps, each an array of items. One step is one reply of the model.
 * The next step follows when the tools of a step have returned their results. After the last step, the reply
 * is "done". The reply to a prompt without a script is "ok". Items:
 *
 *     {"text": "Hello"}                            a text block, in two deltas
 *     {"text": "abc ", "repeat": 50}               the same text 50 times, in deltas of some KB
 *     {"text": "abc ", "repeat": 50, "every": 20}  one delta each, 20 ms apart: a slow stream
 *     {"thinking": "…"}                            a thinking block; `repeat` and `every` as with text
 *     {"tool": "Bash", "input": {…}}               a tool use; {"repeat": "x", "times": N} anywhere in the input
 *                                                  is replaced by a long text
 *     {"delay": 500}                               a pause of 500 ms; as the first item, before the reply begins
 *     {"headers": {…}}                             headers of the reply; must come before all other output
 *     {"error": 529}                               an HTTP error, always
 *     {"error": 529, "times": 2}                   an HTTP error twice, then the items that follow
 *     {"hangup": true}                             closes the connection
 *
 * The last script in a user message applies, until an interrupt ends it.
 */
export type Item =
  | { text: string; repeat?: number; every?: number }
  | { thinking: string; repeat?: number; every?: number }
  | { tool: string; input: unknown }
  | { delay: number }
  | { headers: Record<string, string> }
  | { error: number; times?: number }
  | { hangup: true }

export interface Due {
  /** Identifies this step, even if the client requests it again. */
  key: string
  items: Item[]
}

/** Returns a script as text for a prompt. */
export const mock = (...steps: Item[][]) => `MOCK${JSON.stringify(steps)}`

export interface Message {
  role: string
  content: string | { type: string; text?: string }[]
}

/** Returns the next step after these messages. */
export function due(messages: Message[]): Due {
  for (let i = messages.length - 1; i >= 0; i--) {
    const message = messages[i]!
    if (message.role !== 'user') continue
    const texts = textsOf(message)
    const steps = texts.map(scriptIn).findLast((found) => found !== undefined)
    if (!steps) continue
    const later = messages.slice(i + 1)
    const replies = later.filter(({ role }) => role === 'assistant').length
    const step = later.some(isInterrupt) ? undefined : steps[replies]
    return { key: `${replies} ${JSON.stringify(steps)}`, items: step ?? [{ text: 'done' }] }
  }
  return { key: '', items: [{ text: 'ok' }] }
}

const textsOf = ({ content }: Message) =>
  typeof content === 'string' ? [content] : content.flatMap(({ text }) => text ?? [])

const isInterrupt = (message: Message) =>
  message.role === 'user' && textsOf(message).some((text) => text.startsWith('[Request interrupted by user'))

/** Returns the JSON array after the last MOCK that is not in a string of another script. */
function scriptIn(text: string): Item[][] | undefined {
  let found: Item[][] | undefined
  for (let at = text.indexOf('MOCK[['); at >= 0; at = text.indexOf('MOCK[[', at)) {
    const end = endOfArray(text, at + 4)
    if (end === undefined) break
    found = JSON.parse(text.slice(at + 4, end))
    at = end
  }
  return found
}

function endOfArray(text: string, start: number): number | undefined {
  let depth = 0
  let quoted = false
  for (let i = start; i < text.length; i++) {
    const char = text[i]
    if (quoted) {
      if (char === '\\') i++
      else if (char === '"') quoted = false
    } else if (char === '"') quoted = true
    else if (char === '[') depth++
    else if (char === ']' && --depth === 0) return i + 1
  }
  return undefined
}

/** Returns a tool's input with each `{repeat, times}` replaced by its text. */
export function expand(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(expand)
  if (typeof value !== 'object' || value === null) return value
  const { repeat, times, ...rest } = value as Record<string, unknown>
  if (typeof repeat === 'string' && typeof times === 'number' && Object.keys(rest).length === 0)
    return repeat.repeat(times)
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, expand(field)]))
}
