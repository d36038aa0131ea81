import type { Content, WaitingPrompt } from '../../protocol/index.ts'
import { cut } from '../../protocol/shorten.ts'
import type { Entry, Inbox } from '../disk/inbox.ts'
import type { Conversation } from '../runtimes/conversation.ts'

/** Maximum number of prompts in a status, and maximum length of their texts, in UTF-16 units. */
const PROMPTS = 20
const TEXT_CHARS = 4096
/** Maximum size of a prompt's file that is read for its text, in bytes. */
const FILE_BYTES = 4 * 1024 * 1024

type Blank = (text: string) => string

const described = new WeakMap<Entry, { prompt: WaitingPrompt; blank: Blank | undefined }>()

/**
 * Returns the prompts that an agent has not begun, for its status. Long texts are cut.
 * @param blank removes secrets from a text
 */
export function waitingPrompts(
  inbox: Pick<Inbox, 'unsettled' | 'read'>,
  runtime: Pick<Conversation, 'contentOf'>,
  blank?: Blank,
): WaitingPrompt[] {
  return [...inbox.unsettled].slice(0, PROMPTS).map((entry) => {
    const known = described.get(entry)
    if (known && known.blank === blank) return known.prompt
    const file = inbox.read(entry, FILE_BYTES)
    if (!file) return { prompt_id: entry.id }
    const content = contentIn(file.line, runtime)
    const prompt = { prompt_id: entry.id, since: file.since, ...(content && inShort(content, blank)) }
    described.set(entry, { prompt, blank })
    return prompt
  })
}

/** @returns undefined if the line is damaged, or if the runtime does not read its own prompts */
function contentIn(line: string, runtime: Pick<Conversation, 'contentOf'>): Content | undefined {
  try {
    return runtime.contentOf?.(line)
  } catch {
    return undefined
  }
}

function inShort(content: Content, blank: Blank = (text) => text): Partial<WaitingPrompt> {
  const blocks = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content
  const text = blank(blocks.flatMap((block) => (block.type === 'text' ? block.text : [])).join('\n'))
  const images = blocks.filter(({ type }) => type === 'image').length
  return {
    ...(text !== '' && { text: cut(text, TEXT_CHARS) }),
    ...(text.length > TEXT_CHARS && { cut: true }),
    ...(images > 0 && { images }),
  }
}
