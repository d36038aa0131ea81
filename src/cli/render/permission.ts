import type { PermissionRequest } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { clean, cleanLine } from './clean.ts'
import { formText } from './form.ts'
import { toolSummary } from './tool.ts'

/** Lines that fit on most screens; a longer text ends with the number of its lines. */
const SCREEN_LINES = 40

/**
 * What an agent asks leave for, in full however long: nobody should allow what they could not see.
 * @see wholeRequest for one whose input is not in the status
 */
export function permissionText(request: PermissionRequest, colors: Colors): string {
  const { bold, dim, yellow } = colors
  const lines: string[] = []
  switch (request.ask) {
    case 'tool': {
      const tool = cleanLine(request.tool, 100)
      lines.push(yellow(bold(`? ${asks(request)} to use ${tool}: ${toolSummary(request.input)}`)))
      if (request.description) lines.push(dim(indent(clean(request.description))))
      if (request.reason) lines.push(dim(indent(`Why it asks: ${clean(request.reason)}`)))
      if (request.blocked_path && !Object.values(request.input).includes(request.blocked_path))
        lines.push(dim(`  Path: ${cleanLine(request.blocked_path)}`))
      lines.push(...(omitted(request) ?? detail(request)))
      break
    }
    case 'plan':
      lines.push(yellow(bold(`? ${asks(request)} to approve its plan:`)))
      lines.push(...(omitted(request) ?? [indent(planText(request.input))]))
      break
    case 'question':
      if (request.form) lines.push(...formText(request.form, colors))
      else
        for (const { question, header, options, multi_select } of request.questions ?? []) {
          lines.push(
            yellow(
              bold(`? ${by(request)}${header ? `${cleanLine(header, 60)}: ` : ''}${indentRest(question)}`),
            ),
          )
          for (const [index, { label, description }] of options.entries())
            lines.push(
              `  ${index + 1}. ${cleanLine(label)}${description ? dim(` - ${cleanLine(description)}`) : ''}`,
            )
          if (multi_select) lines.push(dim('  (several may be chosen)'))
        }
      break
  }
  const text = lines.join('\n')
  const count = text.split('\n').length
  return count > SCREEN_LINES ? `${text}\n${dim(`  (the end of what it asks: ${count} lines)`)}` : text
}

const SUBAGENT_CHARS = 100

/** Whose request it is, where it is not the agent's own. */
const by = ({ subagent, subagent_id }: PermissionRequest) =>
  subagent_id === undefined
    ? ''
    : `sub-agent ${cleanLine(subagent === undefined ? subagent_id : `"${subagent}"`, SUBAGENT_CHARS)}: `

const asks = (request: PermissionRequest) => `${by(request)}asks`

/** Said instead of an input that is not here. */
const omitted = ({ input_omitted }: PermissionRequest) =>
  input_omitted
    ? ['  (too long for its status, and not at the hub yet: see it with `agent log` before you decide)']
    : undefined

/** A command as it is, anything else field by field; nothing where the headline says it all. */
function detail({ description, input }: PermissionRequest): string[] {
  const fields = Object.entries(input).filter(
    ([name, value]) => !(name === 'description' && (value === description || value === '')),
  )
  const [only] = fields
  if (!only) return []
  if (fields.length === 1 && typeof only[1] === 'string' && toolSummary(input) === only[1]) return []
  const lines = fields.map(([name, value]) => {
    const text = clean(typeof value === 'string' ? value : JSON.stringify(value, null, 2))
    return text.includes('\n') ? `${clean(name)}:\n${indent(text)}` : `${clean(name)}: ${text}`
  })
  return [indent(lines.join('\n'))]
}

/** Claude Code puts in what the agent wrote into its plan file, and nothing where it wrote none. */
function planText(input: Record<string, unknown>): string {
  if (typeof input.plan === 'string' && input.plan.trim() !== '') return clean(input.plan.trim())
  return Object.keys(input).length === 0 ? '(it wrote none down)' : clean(JSON.stringify(input, null, 2))
}

/** What to type to answer a request. */
export function answerHint(agentId: string, request: PermissionRequest): string {
  const command = (verb: string, rest = '') => `fomular-daemon agent ${verb} ${agentId}${rest}`
  if (request.form)
    return `${command('answer', request.form.fields.length > 0 ? ' NAME=VALUE' : ' accept')}   or   ${command('deny')}`
  return request.ask === 'question'
    ? command('answer', ' ANSWER')
    : `${command('approve')}   or   ${command('deny', ' --message WHY')}`
}

const indentRest = (text: string) => clean(text).replace(/\n/g, '\n  ')

const indent = (text: string) =>
  text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')
