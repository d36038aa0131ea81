import { shellWord } from '../../platform/shell-word.ts'
import { type PermissionRequest, unanswerable } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { cleanLine } from './clean.ts'
import { formParagraphs } from './form.ts'
import { lay, type Paragraph } from './lay.ts'
import { Reveal } from './reveal.ts'
import { tellingField, toolSummary } from './tool.ts'

/** Lines that fit on most screens; a longer text ends with the number of its lines. */
const SCREEN_LINES = 40

/**
 * What an agent asks permission for, in full however long, with everything in it that a reader would not see made
 * visible: nobody should allow what they could not see.
 * @param width columns of the screen, if it is one
 * @see wholeRequest for one whose input is not in the status
 */
export function permissionText(request: PermissionRequest, colors: Colors, width?: number): string {
  const { dim, yellow } = colors
  const reveal = new Reveal()
  const rows = lay(paragraphsOf(request, reveal, colors), width)
  const hidden = reveal.summary()
  for (const text of [hidden, onlyRefused(request)])
    if (text !== undefined) rows.push(...lay([{ head: '! ', text, style: yellow }], width))
  if (rows.length <= SCREEN_LINES) return rows.join('\n')
  const end: Paragraph = { head: '  ', text: `(the end of what it asks: ${rows.length} lines)`, style: dim }
  return [...rows, ...lay([end], width)].join('\n')
}

function paragraphsOf(request: PermissionRequest, reveal: Reveal, colors: Colors): Paragraph[] {
  const { bold, dim, yellow } = colors
  const headline = (text: string): Paragraph => ({ head: '? ', text, style: (row) => yellow(bold(row)) })
  switch (request.ask) {
    case 'tool':
      return [
        headline(`${asks(request)} to use ${nameText(request.tool, reveal)}: ${summaryOf(request)}`),
        ...about(request, reveal, colors),
        ...inputParagraphs(request, reveal),
      ]
    case 'plan':
      return [headline(`${asks(request)} to approve its plan:`), ...inputParagraphs(request, reveal)]
    case 'question':
      if (request.form) return formParagraphs(request.form, reveal, colors)
      if (!request.questions)
        return [headline(`${asks(request)} a question:`), ...inputParagraphs(request, reveal)]
      return request.questions.flatMap(({ question, header, options, multi_select }) => [
        headline(`${by(request)}${header ? `${reveal.line(header)}: ` : ''}${reveal.text(question)}`),
        ...options.map(({ label, description }, index) => ({
          head: `  ${index + 1}. `,
          text: reveal.line(label) + (description ? ` - ${reveal.line(description)}` : ''),
        })),
        ...(multi_select ? [{ head: '  ', text: '(several may be chosen)', style: dim }] : []),
      ])
  }
}

const SUBAGENT_CHARS = 100

/** Whose request it is, where it is not the agent's own. */
function by({ subagent, subagent_id, parent_tool_use_id }: PermissionRequest): string {
  if (subagent_id === undefined) return parent_tool_use_id === undefined ? '' : 'sub-agent: '
  const [reveal, short] = [new Reveal(), cleanLine(subagent ?? subagent_id, SUBAGENT_CHARS)]
  return `sub-agent ${subagent === undefined ? nameText(short, reveal) : quoted(short, reveal)}: `
}

const quoted = (text: string, reveal: Reveal) => JSON.stringify(reveal.line(text))

/** A name from elsewhere. One that is no single word is quoted: it cannot pass for words of this program. */
const nameText = (name: string, reveal: Reveal) => (/^[\w.$-]+$/.test(name) ? name : quoted(name, reveal))

const asks = (request: PermissionRequest) => `${by(request)}asks`

/** The headline says the beginning only: what is in it is counted where the whole of it stands. */
const summaryOf = ({ input }: PermissionRequest) => new Reveal().line(toolSummary(input))

/** What the runtime says of the request. */
function about(
  { description, reason, blocked_path, input }: PermissionRequest,
  reveal: Reveal,
  { dim }: Colors,
): Paragraph[] {
  const said = (text: string): Paragraph => ({ head: '  ', text, style: dim })
  return [
    ...(description ? [said(`Described as: ${reveal.text(description)}`)] : []),
    ...(reason ? [said(`Why it asks: ${reveal.text(reason)}`)] : []),
    ...(blocked_path && !Object.values(input).includes(blocked_path)
      ? [said(`Path: ${reveal.line(blocked_path)}`)]
      : []),
  ]
}

const CUT = 'This is not all of it: what it asks is too long, and was cut.'

/** Why a request can only be refused; undefined where it need not be. */
function onlyRefused(request: PermissionRequest): string | undefined {
  const fault = request.cut ? CUT : unanswerable(request)
  return fault && `${fault} It can only be refused.`
}

const OMITTED = '(too long for its status, and not at the hub yet: see it with `agent log` before you decide)'

/** What the agent wants to do, as far as the headline does not say it. */
export function inputParagraphs(request: PermissionRequest, reveal: Reveal): Paragraph[] {
  if (request.input_omitted) return [{ head: '  ', text: OMITTED }]
  return request.ask === 'plan' ? plan(request.input, reveal) : detail(request, reveal)
}

/** A command as it is, anything else field by field; nothing where the headline says it all. */
function detail({ description, input }: PermissionRequest, reveal: Reveal): Paragraph[] {
  const fields = Object.entries(input).filter(
    ([name, value]) => !(name === 'description' && (value === description || value === '')),
  )
  const [only] = fields
  if (!only) return []
  const [name, value] = only
  const isHeadline = name === tellingField(input) && new Reveal().line(toolSummary(input)) === value
  if (fields.length === 1 && isHeadline) return []
  return fieldsOf(Object.fromEntries(fields), reveal)
}

const fieldsOf = (input: Record<string, unknown>, reveal: Reveal): Paragraph[] =>
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

/** Claude Code puts in what the agent wrote into its plan file, and nothing where it wrote none. */
function plan({ plan: written, ...rest }: Record<string, unknown>, reveal: Reveal): Paragraph[] {
  const isText = typeof written === 'string' && written.trim() !== ''
  const text = isText ? reveal.text(written.trim()) : '(it wrote none down)'
  const shown: Paragraph = { head: '  ', text, verbatim: isText }
  const others = isText || written === undefined ? rest : { plan: written, ...rest }
  return [shown, ...fieldsOf(others, reveal)]
}

/** What names a request, as it is typed: its digest. One of an older daemon has its id only. */
export const typedName = ({ digest, request_id }: PermissionRequest): string =>
  shellWord(cleanLine(digest ?? request_id))

/** What to type to answer a request that was shown. */
export function answerHint(agentId: string, request: PermissionRequest): string {
  const command = (verb: string, rest = '') => `fomular-daemon agent ${verb} ${agentId}${rest}`
  // Without it, what is answered would be whatever is asked by then.
  const named = ` --request ${typedName(request)}`
  if (request.input_omitted || onlyRefused(request) !== undefined) return command('deny', named)
  if (request.form)
    return `${command('answer', `${request.form.fields.length > 0 ? ' NAME=VALUE' : ' accept'}${named}`)}   or   ${command('deny')}`
  return request.ask === 'question'
    ? command('answer', ` ANSWER${named}`)
    : `${command('approve', named)}   or   ${command('deny', ' --message WHY')}`
}
