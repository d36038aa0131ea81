import type { Ask } from './agent/show-pages.ts'
import { askLine } from './prompt.ts'
import { layLines } from './render/layout.ts'
import { stdoutWidth } from './terminal.ts'

/** Lays out a question in rows, so that quoted text cannot begin a row and imitate another question. */
export const promptText = (question: string): string => layLines([question], stdoutWidth()).join('\n')

/** Asks a yes-or-no question. @param question question on one line */
export async function confirmYes(ask: Ask, question: string): Promise<boolean> {
  return ['y', 'yes'].includes((await ask(`${question} y/N> `)).trim().toLowerCase())
}

/** Asks the user a yes-or-no question, before a command does what cannot be undone. */
export const askYes = (question: string): Promise<boolean> => confirmYes(askLine, promptText(question))
