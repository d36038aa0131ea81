import { labelOf } from '../../../protocol/form.ts'
import type { Form, FormField, Question } from '../../../protocol/index.ts'
import { isDeeper } from '../../../protocol/nesting.ts'
import type { EventBody } from '../conversation.ts'
import { compact, type Fields, fields, list, number, text, textList } from './fields.ts'

/**
 * Limits of a form: number of fields, length in characters, and nesting. The limits are low because every
 * status contains the form.
 */
const FIELDS = 100
const FORM_CHARS = 64 * 1024
const DEPTH = 100

/**
 * Decodes an MCP server's form, or the address that the server asks a person to open.
 * @returns undefined if the form exceeds the limits
 */
export function elicitation(id: string, request: Fields): EventBody[] | undefined {
  const { subtype: _, ...input } = request
  // JSON can be parsed at any depth, but not stringified.
  if (isDeeper(input, DEPTH)) return undefined
  const form = formOf(request)
  if (!form || form.fields.length > FIELDS || JSON.stringify(input).length > FORM_CHARS) return undefined
  return [
    compact({
      kind: 'permission_request',
      request_id: id,
      ask: 'question',
      tool: `mcp__${form.server}`,
      input,
      description: text(request.description),
      questions: questionsOf(form),
      form,
    }),
  ]
}

function formOf(request: Fields): Form | undefined {
  const server = text(request.mcp_server_name)
  const message = text(request.message)
  const mode = text(request.mode) ?? 'form'
  if (server === undefined || message === undefined) return undefined
  const url = text(request.url)
  if (mode === 'url') return url === undefined ? undefined : { server, message, url, fields: [] }
  if (mode !== 'form') return undefined
  const schema = fields(request.requested_schema)
  const properties = fields(schema?.properties) ?? {}
  const first = (textList(request.property_order) ?? []).filter((name) => Object.hasOwn(properties, name))
  const names = [...new Set([...first, ...Object.keys(properties)])]
  const required = textList(schema?.required) ?? []
  return {
    server,
    message,
    fields: names.map((name) => field(name, fields(properties[name]) ?? {}, required.includes(name))),
  }
}

function field(name: string, schema: Fields, required: boolean): FormField {
  const items = fields(schema.items)
  return compact({
    name,
    type: text(schema.type) ?? 'string',
    title: text(schema.title),
    description: text(schema.description),
    required: required || undefined,
    options: options(items ?? schema),
    default: schema.default ?? undefined,
    format: text(schema.format),
    minimum: number(schema.minimum),
    maximum: number(schema.maximum),
    min_length: number(schema.minLength),
    max_length: number(schema.maxLength),
    min_items: number(schema.minItems),
    max_items: number(schema.maxItems),
  })
}

/** Returns the choices of a field, which MCP can express in several notations. */
function options(schema: Fields): FormField['options'] {
  const titles = textList(schema.enumNames)
  const plain = textList(schema.enum)?.map((value, index) => compact({ value, title: titles?.[index] }))
  if (plain) return plain
  const titled = list(schema.oneOf) ?? list(schema.anyOf)
  const found = titled?.flatMap((entry) => {
    const option = fields(entry)
    const value = text(option?.const)
    return value === undefined ? [] : [compact({ value, title: text(option?.title) })]
  })
  return found?.length ? found : undefined
}

/** Returns the form as questions, for servers that do not support forms. */
function questionsOf(form: Form): Question[] {
  const { server: header, message, url } = form
  if (form.fields.length === 0) {
    const labels = [{ label: 'Accept' }, { label: 'Decline' }, { label: 'Cancel' }]
    return [{ question: url === undefined ? message : `${message}\n${url}`, header, options: labels }]
  }
  return form.fields.map((field, index) =>
    compact({
      question: `${index === 0 ? `${message}\n` : ''}${labelOf(field)}${field.description ? `: ${field.description}` : ''}${field.required ? '' : ' (optional)'}`,
      header,
      multi_select: field.type === 'array' || undefined,
      options:
        field.options?.map(({ value, title }) =>
          title === undefined || title === value ? { label: value } : { label: title, description: value },
        ) ?? (field.type === 'boolean' ? [{ label: 'Yes' }, { label: 'No' }] : []),
    }),
  )
}
