import type { PermissionRequest } from '../../protocol/index.ts'
import { lay } from './lay.ts'
import { inputParagraphs } from './permission.ts'
import { Reveal } from './reveal.ts'
import { toolSummary } from './tool.ts'

/**
 * What became of a request, and what that was.
 * @param verb as `Allowed`
 * @param whole whether all of it is said, for somebody who was not just shown it
 */
export function decidedText(verb: string, request: PermissionRequest, { whole }: { whole: boolean }): string {
  const reveal = new Reveal()
  const what = request.ask === 'plan' ? 'its plan' : new Reveal().line(toolSummary(request.input))
  const text = [`${verb}: ${reveal.line(request.tool)}`, ...(what === '' ? [] : [what])].join(': ')
  const rows = lay([{ head: '', text }, ...(whole ? inputParagraphs(request, reveal) : [])], undefined)
  const hidden = reveal.summary()
  return [...rows, ...(hidden === undefined ? [] : [hidden])].join('\n')
}
