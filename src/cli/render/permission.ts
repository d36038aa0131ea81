import type { PermissionRequest } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { clean, cleanLine } from './clean.ts'
import { toolSummary } from './tool.ts'

/** Enough to judge a command or a plan by; nobody should allow what they could not see. */
const DETAIL_CHARS = 4000

/** What an agent asks leave for, in full enough to decide. */
export function permissionText(request: PermissionRequest, { bold, dim, yellow }: Colors): string {
  const lines: string[] = []
  switch (request.ask) {
    case 'tool': {
      const tool = cleanLine(request.tool, 100)
      lines.push(yellow(bold(`? asks to use ${tool}: ${toolSummary(request.input)}`)))
      if (request.description) lines.push(dim(`  ${cleanLine(request.description, 300)}`))
      if (!saysAll(request.input)) lines.push(detail(request.input))
      break
    }
    case 'plan':
      lines.push(yellow(bold('? asks to approve its plan:')))
      lines.push(indent(planText(request.input)))
      break
    case 'question':
      for (const { question, header, options, multi_select } of request.questions ?? []) {
        lines.push(
          yellow(bold(`? ${header ? `${cleanLine(header, 60)}: ` : ''}${cleanLine(question, 1000)}`)),
        )
        for (const [index, { label, description }] of options.entries())
          lines.push(
            `  ${index + 1}. ${cleanLine(label, 200)}${description ? dim(` - ${cleanLine(description, 300)}`) : ''}`,
          )
        if (multi_select) lines.push(dim('  (several may be chosen)'))
      }
      break
  }
  return lines.join('\n')
}

/** Whether the summary leaves nothing out that one should know before allowing it. */
function saysAll({ description, ...input }: Record<string, unknown>): boolean {
  const values = Object.values(input)
  const [value] = values
  return (
    values.length === 0 || (values.length === 1 && typeof value === 'string' && toolSummary(input) === value)
  )
}

/** A command as it is, anything else field by field. */
function detail({ description, ...input }: Record<string, unknown>): string {
  const fields = Object.entries(input).map(([name, value]) => {
    const text = shorten(typeof value === 'string' ? value : JSON.stringify(value, null, 2))
    return text.includes('\n') ? `${clean(name)}:\n${indent(text)}` : `${clean(name)}: ${text}`
  })
  return indent(fields.join('\n'))
}

/** Claude Code puts in what the agent wrote into its plan file, and nothing where it wrote none. */
function planText(input: Record<string, unknown>): string {
  if (typeof input.plan === 'string' && input.plan.trim() !== '') return shorten(input.plan.trim())
  return Object.keys(input).length === 0 ? '(it wrote none down)' : shorten(JSON.stringify(input))
}

/** What to type to answer a request. */
export function answerHint(agentId: string, request: PermissionRequest): string {
  const command = (verb: string, rest = '') => `fomular-daemon agent ${verb} ${agentId}${rest}`
  return request.ask === 'question'
    ? command('answer', ' ANSWER')
    : `${command('approve')}   or   ${command('deny', ' --message WHY')}`
}

const shorten = (text: string) =>
  text.length > DETAIL_CHARS
    ? `${clean(text.slice(0, DETAIL_CHARS))}\n… ${text.length - DETAIL_CHARS} more characters`
    : clean(text)

const indent = (text: string) =>
  text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')
