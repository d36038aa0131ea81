import { type Form, type FormField, labelOf } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { clean, cleanLine } from './clean.ts'

const NAME_CHARS = 100

const TYPES: Record<string, string> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'yes or no',
}

/** Returns an MCP server's form as lines of text, with each field's type and limits. */
export function formText(form: Form, { bold, dim, yellow }: Colors): string[] {
  const { server, message, url, fields } = form
  const lines = [
    yellow(
      bold(`? MCP server "${cleanLine(server, NAME_CHARS)}" asks: ${clean(message).replace(/\n/g, '\n  ')}`),
    ),
  ]
  if (url !== undefined) lines.push(`  Address to open, at ${hostOf(url)}: ${cleanLine(url)}`)
  for (const field of fields) {
    lines.push(`  ${cleanLine(labelOf(field))}: ${kindOf(field)}`)
    if (field.description) lines.push(dim(`    ${cleanLine(field.description)}`))
    for (const [index, { value, title }] of (field.options ?? []).entries())
      lines.push(
        `    ${index + 1}. ${cleanLine(title ?? value)}${title !== undefined && title !== value ? dim(` - ${cleanLine(value)}`) : ''}`,
      )
  }
  if (fields.length === 0) lines.push('  1. Accept', '  2. Decline', '  3. Cancel')
  else lines.push(dim('  (an empty answer leaves a field out; /decline or /cancel end the form)'))
  return lines
}

/** Returns the host of an address, which a long user name could hide. */
function hostOf(url: string): string {
  try {
    return new URL(url).host || 'no host'
  } catch {
    return 'no host'
  }
}

function kindOf(field: FormField): string {
  const { type, options, format, required } = field
  const kind =
    type === 'array'
      ? 'several, with commas'
      : options
        ? 'one of'
        : (format ?? (Object.hasOwn(TYPES, type) ? TYPES[type]! : type))
  const parts = [cleanLine(kind, 40), ...limits(field), required ? 'required' : 'optional']
  if (field.default !== undefined)
    parts.push(`default: ${cleanLine(JSON.stringify(field.default), NAME_CHARS)}`)
  return parts.join(', ')
}

const limits = ({ minimum, maximum, min_length, max_length, min_items, max_items }: FormField): string[] => {
  const from = minimum ?? min_length ?? min_items
  const to = maximum ?? max_length ?? max_items
  const unit = min_length !== undefined || max_length !== undefined ? ' characters' : ''
  return [
    ...(from === undefined ? [] : [`at least ${from}${unit}`]),
    ...(to === undefined ? [] : [`at most ${to}${unit}`]),
  ]
}
