import { layLines } from '../render/lay.ts'
import { stdoutWidth } from '../terminal.ts'
import type { Ask } from './page.ts'

/** A question in rows of the screen: nothing that it quotes begins one, and passes for another question. */
export const promptText = (question: string): string => layLines([question], stdoutWidth()).join('\n')

/** Asks for a yes. @param question on one line */
export async function agrees(ask: Ask, question: string): Promise<boolean> {
  return ['y', 'yes'].includes((await ask(`${question} y/N> `)).trim().toLowerCase())
}
