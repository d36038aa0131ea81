import type { Lexing } from '../render/markdown/spans.ts'
import { hasStdoutColors, stdoutWidth } from '../terminal.ts'

/**
 * Returns the functions that read the agents' texts as Markdown; undefined if the texts are printed unchanged:
 * scripts rely on that, and without styles, plain Markdown is easier to read.
 */
export async function markdownLexing(): Promise<Lexing | undefined> {
  return stdoutWidth() !== undefined && hasStdoutColors() ? (await import('marked')).Lexer : undefined
}
