import { Reveal } from '../../client/reveal-hidden.ts'
import { shellWord } from '../../platform/shell-word.ts'
import { type PermissionRequest, unanswerable } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { cleanLine } from './clean.ts'
import { formParagraphs } from './form.ts'
import { layOut, type Paragraph } from './layout.ts'
import { type InputLook, inputParagraphs } from './request-input.ts'
import { nameText, quoted, toolSummary } from './tool.ts'

/** Number of lines that fit on most screens. A longer request ends with its number of lines. */
const SCREEN_LINES = 40

/**
 * Formats a complete permission request of any length, and makes all hidden characters visible: nobody should
 * allow an action without seeing all of it. On a terminal, changes of files are drawn as differences, and
 * shell commands as in a shell.
 * @param width width of the terminal in columns, if stdout is a terminal
 * @see wholeRequest for requests whose status omits the input
 */
export function permissionText(request: PermissionRequest, colors: Colors, width?: number): string {
  const { dim, yellow } = colors
  const reveal = new Reveal()
  const rows = layOut(paragraphsOf(request, reveal, { colors, drawn: width !== undefined }), width)
  const hidden = reveal.summary()
  for (const text of [hidden, onlyRefused(request)])
    if (text !== undefined) rows.push(...layOut([{ head: '! ', text, style: yellow }], width))
  if (rows.length <= SCREEN_LINES) return rows.join('\n')
  const end: Paragraph = { head: '  ', text: `(end of the request: ${rows.length} lines)`, style: dim }
  return [...rows, ...layOut([end], width)].join('\n')
}

function paragraphsOf(request: PermissionRequest, reveal: Reveal, look: InputLook): Paragraph[] {
  const { colors } = look
  const { bold, dim, yellow } = colors
  const headline = (text: string): Paragraph => ({ head: '? ', text, style: (row) => yellow(bold(row)) })
  switch (request.ask) {
    case 'tool':
      return [
        headline(`${asks(request)} to use ${nameText(request.tool, reveal)}: ${summaryOf(request)}`),
        ...about(request, reveal, colors),
        ...inputParagraphs(request, reveal, look),
      ]
    case 'plan':
      return [headline(`${asks(request)} to approve its plan:`), ...inputParagraphs(request, reveal, look)]
    case 'question':
      if (request.form) return formParagraphs(request.form, reveal, colors)
      if (!request.questions)
        return [headline(`${asks(request)} a question:`), ...inputParagraphs(request, reveal, look)]
      return request.questions.flatMap(({ question, header, options, multi_select }) => [
        headline(`${by(request)}${header ? `${reveal.line(header)}: ` : ''}${reveal.text(question)}`),
        ...options.map(({ label, description }, index) => ({
          head: `  ${index + 1}. `,
          text: reveal.line(label) + (description ? ` - ${reveal.line(description)}` : ''),
        })),
        ...(multi_select ? [{ head: '  ', text: '(you may choose several)', style: dim }] : []),
      ])
  }
}

const SUBAGENT_CHARS = 100

/** Returns the sub-agent that makes the request; empty for the agent itself. */
function by({ subagent, subagent_id, parent_tool_use_id }: PermissionRequest): string {
  if (subagent_id === undefined) return parent_tool_use_id === undefined ? '' : 'sub-agent: '
  const [reveal, short] = [new Reveal(), cleanLine(subagent ?? subagent_id, SUBAGENT_CHARS)]
  return `sub-agent ${subagent === undefined ? nameText(short, reveal) : quoted(short, reveal)}: `
}

const asks = (request: PermissionRequest) => `${by(request)}asks`

/**
 * Returns the beginning of the input. Does not count its hidden characters, because they are counted when the
 * whole input is shown.
 */
const summaryOf = ({ input }: PermissionRequest) => new Reveal().line(toolSummary(input))

/** Returns the runtime's remarks on the request. */
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

const CUT = 'This request is incomplete: it was too long and was cut.'

/** Returns why a request can only be refused; undefined if it can be allowed. */
function onlyRefused(request: PermissionRequest): string | undefined {
  const fault = request.cut ? CUT : unanswerable(request)
  return fault && `${fault} The request can only be refused.`
}

/** Returns the name of a request for a command line: its digest or, for an older daemon, its id. */
export const typedName = ({ digest, request_id }: PermissionRequest): string =>
  shellWord(cleanLine(digest ?? request_id))

/** Returns the commands that answer a request that was shown. */
export function answerHint(agentId: string, request: PermissionRequest): string {
  const command = (verb: string, rest = '') => `fomular-daemon agent ${verb} ${agentId}${rest}`
  // The command contains the request's name, so that it cannot answer another request that arrives in the
  // meantime.
  const named = ` --request ${typedName(request)}`
  if (request.input_omitted || onlyRefused(request) !== undefined) return command('deny', named)
  if (request.form)
    return `${command('answer', `${request.form.fields.length > 0 ? ' NAME=VALUE' : ' accept'}${named}`)}   or   ${command('deny')}`
  return request.ask === 'question'
    ? command('answer', ` ANSWER${named}`)
    : `${command('approve', named)}   or   ${command('deny', ' --message WHY')}`
}
