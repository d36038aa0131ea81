import { layLines } from '../render/lay.ts'
import { stdoutWidth } from '../terminal.ts'
import type { Ask } from './page.ts'

/** Asks for a yes. Nothing that the question quotes can pass for another question. @param question on one line */
export async function agrees(ask: Ask, question: string): Promise<boolean> {
  const rows = layLines([`${question} y/N> `], stdoutWidth())
  return ['y', 'yes'].includes((await ask(rows.join('\n'))).trim().toLowerCase())
}
