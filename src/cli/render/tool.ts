import { toolText } from '../../client/tool-fields.ts'
import { cleanLine } from './clean.ts'

const LINE_CHARS = 160

/** Summarizes a tool's input on one line. */
export const toolSummary = (input: Record<string, unknown>, max = LINE_CHARS): string =>
  cleanLine(toolText(input), max)
