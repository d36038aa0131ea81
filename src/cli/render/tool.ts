import type { Reveal } from '../../client/reveal-hidden.ts'
import { toolText } from '../../client/tool-fields.ts'
import { cleanLine } from './clean.ts'

const LINE_CHARS = 160

/** Summarizes a tool's input on one line. */
export const toolSummary = (input: Record<string, unknown>, max = LINE_CHARS): string =>
  cleanLine(toolText(input), max)

export const quoted = (text: string, reveal: Reveal) => JSON.stringify(reveal.line(text))

/**
 * Formats a name that this program did not choose. Quotes a name that is not a single word, so that the name
 * cannot imitate this program's text.
 */
export const nameText = (name: string, reveal: Reveal) =>
  /^[\w.$-]+$/.test(name) ? name : quoted(name, reveal)
