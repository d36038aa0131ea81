import { changeOf } from '../../client/change-of.ts'
import { Reveal } from '../../client/reveal-hidden.ts'
import { tellingField } from '../../client/tool-fields.ts'
import type { PermissionRequest } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { changeParagraphs } from './change.ts'
import type { Paragraph } from './layout.ts'
import { commandParagraphs, shellCommandOf } from './shell-line.ts'
import { nameText, toolSummary } from './tool.ts'

type Fields = Record<string, unknown>

export interface InputLook {
  colors: Colors
  /** True to draw changes of files and shell commands for people. Scripts read plain fields. */
  drawn: boolean
}

const OMITTED =
  '(too long for the status, and not yet at the hub: read it with `agent log` before you decide)'

/** Returns the input of the request, except for the part in the headline. */
export function inputParagraphs(request: PermissionRequest, reveal: Reveal, look: InputLook): Paragraph[] {
  if (request.input_omitted) return [{ head: '  ', text: OMITTED }]
  return request.ask === 'plan' ? plan(request.input, reveal) : detail(request, reveal, look)
}

/** Returns the input field by field; nothing if the headline shows the whole input. */
function detail(request: PermissionRequest, reveal: Reveal, { colors, drawn }: InputLook): Paragraph[] {
  const { description, input } = request
  const shown = Object.entries(input).filter(
    ([name, value]) => !(name === 'description' && (value === description || value === '')),
  )
  const isHeadline = ([name, value]: [string, unknown]) =>
    name === tellingField(input) && new Reveal().line(toolSummary(input)) === value
  if (shown.length === 1 && shown.every(isHeadline)) return []
  const change = drawn ? changeOf(request) : undefined
  if (change) {
    const paths = shown.filter((field) => field[1] === change.path && !isHeadline(field))
    return [
      ...fieldsOf(Object.fromEntries(paths), reveal),
      ...changeParagraphs(change, reveal, colors),
      ...fieldsOf(change.rest, reveal),
    ]
  }
  const command = drawn ? shellCommandOf(request) : undefined
  if (command === undefined) return fieldsOf(Object.fromEntries(shown), reveal)
  const rest = shown.filter(([name]) => name !== 'command')
  const isShown = shown.some((field) => field[0] === 'command' && isHeadline(field))
  return [
    ...(isShown ? [] : commandParagraphs(command, reveal)),
    ...fieldsOf(Object.fromEntries(rest), reveal),
  ]
}

const fieldsOf = (input: Fields, reveal: Reveal): Paragraph[] =>
  Object.entries(input).flatMap(([field, value]) => {
    const name = nameText(field, reveal)
    const text = reveal.text(typeof value === 'string' ? value : JSON.stringify(value, null, 2))
    return text.includes('\n')
      ? [
          { head: '  ', text: `${name}:` },
          { head: '  ', text, verbatim: true },
        ]
      : [{ head: '  ', text: `${name}: ${text}` }]
  })

/** Returns a plan. The runtime inserts the text of the agent's plan file, if the agent wrote one. */
function plan({ plan: written, ...rest }: Fields, reveal: Reveal): Paragraph[] {
  const isText = typeof written === 'string' && written.trim() !== ''
  const text = isText ? reveal.text(written.trim()) : '(the agent wrote no plan)'
  const shown: Paragraph = { head: '  ', text, verbatim: isText }
  const others = isText || written === undefined ? rest : { plan: written, ...rest }
  return [shown, ...fieldsOf(others, reveal)]
}
