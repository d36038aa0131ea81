import type { WaitingPrompt } from '../../protocol/status.ts'
import { type Draft, EMPTY_DRAFT } from './prompt-content.ts'

const PREFIX = 'draft '

/** Drafts of this tab. Images are kept in memory only, because the browser's storage is small. */
const images = new Map<string, Draft['images']>()

/** Returns the prompt that a person has begun to write. @param key identifies what the draft is for */
export function draftOf(key: string): Draft {
  const text = attempt(() => sessionStorage.getItem(PREFIX + key)) ?? EMPTY_DRAFT.text
  return { text, images: images.get(key) ?? EMPTY_DRAFT.images }
}

export function keepDraft(key: string, draft: Draft) {
  if (draft.images.length > 0) images.set(key, draft.images)
  else images.delete(key)
  attempt(() =>
    draft.text === ''
      ? sessionStorage.removeItem(PREFIX + key)
      : sessionStorage.setItem(PREFIX + key, draft.text),
  )
}

/** Maximum number of sent prompts that are kept. */
const SENT = 20

/** The last prompts that this tab has sent, by their ids. */
const sent = new Map<string, Draft>()

/** Keeps a sent prompt, so that it can be edited again if it is withdrawn. */
export function keepSent(promptId: unknown, draft: Draft) {
  if (typeof promptId !== 'string') return
  sent.set(promptId, draft)
  for (const id of [...sent.keys()].slice(0, -SENT)) sent.delete(id)
}

/** Returns a withdrawn prompt as a draft; undefined if a part of it is not known here. */
export function sentDraft({ prompt_id, text, cut, images }: WaitingPrompt): Draft | undefined {
  const isWhole = text !== undefined && !cut && images === undefined
  return sent.get(prompt_id) ?? (isWhole ? { ...EMPTY_DRAFT, text } : undefined)
}

/** The storage may be full or forbidden. Then the draft lasts only as long as its page. */
function attempt<T>(use: () => T): T | undefined {
  try {
    return use()
  } catch {
    return undefined
  }
}
