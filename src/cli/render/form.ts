import type { Reveal } from '../../client/reveal-hidden.ts'
import { type Form, type FormField, labelOf } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import type { Paragraph } from './layout.ts'

const TYPES: Record<string, string> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'yes or no',
}

/** Returns an MCP server's form with each field's type and limits. */
export function formParagraphs(form: Form, reveal: Reveal, { bold, dim, yellow }: Colors): Paragraph[] {
  const { server, message, url, fields } = form
  const asked = `MCP server ${JSON.stringify(reveal.line(server))} asks: ${reveal.text(message)}`
  return [
    { head: '? ', text: asked, style: (row) => yellow(bold(row)) },
    ...(url === undefined
      ? []
      : [{ head: '  ', text: `Address to open, at ${hostOf(url)}: ${reveal.line(url)}` }]),
    ...fields.flatMap((field) => [
      { head: '  ', text: `${reveal.line(labelOf(field))}: ${kindOf(field, reveal)}` },
      ...(field.description ? [{ head: '    - ', text: reveal.line(field.description), style: dim }] : []),
      ...(field.options ?? []).map(({ value, title }, index) => ({
        head: `    ${index + 1}. `,
        text: `${reveal.line(title ?? value)}${title !== undefined && title !== value ? ` - ${reveal.line(value)}` : ''}`,
      })),
    ]),
    ...(fields.length === 0
      ? ['1. Accept', '2. Decline', '3. Cancel'].map((text) => ({ head: '  ', text }))
      : [
          {
            head: '  ',
            text: '(an empty answer skips a field; /decline or /cancel ends the form)',
            style: dim,
          },
        ]),
  ]
}

/** Returns the host of an address. A long user name before the host could hide the host. */
function hostOf(url: string): string {
  try {
    return new URL(url).host || 'no host'
  } catch {
    return 'no host'
  }
}

function kindOf(field: FormField, reveal: Reveal): string {
  const { type, options, format, required } = field
  const kind =
    type === 'array'
      ? 'several, separated by commas'
      : options
        ? 'one of'
        : (format ?? (Object.hasOwn(TYPES, type) ? TYPES[type]! : type))
  const parts = [reveal.line(kind), ...limits(field), required ? 'required' : 'optional']
  if (field.default !== undefined) parts.push(`default: ${reveal.line(JSON.stringify(field.default))}`)
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
