import { cleanLine } from './clean.ts'

/** Fields of a tool's input that tell the most, in this order. */
const TELLING = [
  'command',
  'file_path',
  'notebook_path',
  'pattern',
  'url',
  'query',
  'description',
  'subject',
  'skill',
  'path',
  'prompt',
]

const LINE_CHARS = 160

/** The field that tells the most; undefined where none is known to. */
export const tellingField = (input: Record<string, unknown>) =>
  TELLING.find((name) => typeof input[name] === 'string' && input[name] !== '')

/** What a tool is used for, on one line. */
export function toolSummary(input: Record<string, unknown>, max = LINE_CHARS): string {
  const telling = tellingField(input)
  if (telling !== undefined) return cleanLine(input[telling] as string, max)
  if (Object.keys(input).length === 0) return ''
  if (Array.isArray(input.questions)) return `${input.questions.length} to answer`
  if (Array.isArray(input.todos)) return `${input.todos.length} items`
  return cleanLine(JSON.stringify(input), max)
}

/** The text of a tool's result, which is text or blocks. */
export function resultText(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return content === undefined ? '' : JSON.stringify(content)
  return content
    .map((block: unknown) => {
      if (typeof block !== 'object' || block === null) return String(block)
      if ('text' in block && typeof block.text === 'string') return block.text
      return `[${'type' in block ? String(block.type) : 'block'}]`
    })
    .join('\n')
}
