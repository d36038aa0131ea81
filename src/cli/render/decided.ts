import type { PermissionRequest } from '../../protocol/index.ts'
import { lay } from './lay.ts'
import { inputParagraphs } from './permission.ts'
import { Reveal } from './reveal.ts'
import { toolSummary } from './tool.ts'

/** By which all rows but the first are indented where it is said. */
const INDENT = 2

interface Decided {
  /** Whether all of the request is said, for somebody who was not just shown it. */
  whole: boolean
  /** What else came of it, one a line. */
  also?: string[]
  /** Columns of the screen, if it is one. */
  width: number | undefined
}

/** What became of a request, and what that was. @param verb as `Allowed` */
export function decidedText(
  verb: string,
  request: PermissionRequest,
  { whole, also = [], width }: Decided,
): string {
  const reveal = new Reveal()
  const what = request.ask === 'plan' ? 'its plan' : new Reveal().line(toolSummary(request.input))
  const text = [`${verb}: ${reveal.line(request.tool)}`, ...(what === '' ? [] : [what])].join(': ')
  const input = whole ? inputParagraphs(request, reveal) : []
  const hidden = reveal.summary()
  const others = [...(hidden === undefined ? [] : [hidden]), ...also].map((text) => ({ head: '', text }))
  return lay([{ head: '', text }, ...input, ...others], width && width - INDENT).join('\n')
}
