import type { WaitingPrompt } from '../../protocol/index.ts'
import { cleanLine } from './clean.ts'

/** Number of characters of a prompt's id that people type. */
const ID_CHARS = 8

export const shortPromptId = ({ prompt_id }: Pick<WaitingPrompt, 'prompt_id'>) =>
  cleanLine(prompt_id.slice(0, ID_CHARS))

/** Returns a waiting prompt on one line of at most `max` columns, with the number of its images. */
export function promptText({ text, cut, images, prompt_id }: WaitingPrompt, max: number): string {
  const said = text === undefined ? '' : `${text}${cut ? ' …' : ''}`
  const pictures = images === undefined ? '' : `[${images} image${images === 1 ? '' : 's'}]`
  return cleanLine([said, pictures].filter(Boolean).join(' '), max) || cleanLine(prompt_id, max)
}
