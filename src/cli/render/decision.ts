import { Reveal } from '../../client/reveal-hidden.ts'
import type { PermissionRequest } from '../../protocol/index.ts'
import { colors } from './ansi.ts'
import { layOut } from './layout.ts'
import { inputParagraphs } from './request-input.ts'
import { toolSummary } from './tool.ts'

/** Columns by which the caller indents all rows but the first. */
const INDENT = 2

interface Decided {
  /** True to show the complete request, for a person who has not just seen it. */
  whole: boolean
  /** Further results, one per line. */
  also?: string[]
  /** Width of the terminal in columns, if stdout is a terminal. */
  width: number | undefined
}

/** Formats a decision and its request. @param verb such as `Allowed` */
export function decidedText(
  verb: string,
  request: PermissionRequest,
  { whole, also = [], width }: Decided,
): string {
  const reveal = new Reveal()
  const what = request.ask === 'plan' ? 'its plan' : new Reveal().line(toolSummary(request.input))
  const text = [`${verb}: ${reveal.line(request.tool)}`, ...(what === '' ? [] : [what])].join(': ')
  const input = whole
    ? inputParagraphs(request, reveal, { colors: colors(false), drawn: width !== undefined })
    : []
  const hidden = reveal.summary()
  const others = [...(hidden === undefined ? [] : [hidden]), ...also].map((text) => ({ head: '', text }))
  return layOut([{ head: '', text }, ...input, ...others], width && width - INDENT).join('\n')
}
