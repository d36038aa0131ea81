import * as z from 'zod/mini'
import type { Form, FormField, Question } from './permission.ts'

/** A person's answer to one field: text, or a value of the field's type. */
export type FormAnswer = string | number | boolean | string[]

export const FORM_ACTIONS = ['accept', 'decline', 'cancel'] as const

/**
 * The outcome of a form. An accepted form has the values of its fields. A form that only asks a person to
 * open an address has no values.
 */
export interface FormResult {
  action: (typeof FORM_ACTIONS)[number]
  content?: Record<string, unknown>
}

/** An answer that does not fit the form. */
export class FormFault extends Error {
  readonly field: string
  readonly missing: boolean

  constructor(field: string, message: string, missing = false) {
    super(message)
    this.name = 'FormFault'
    this.field = field
    this.missing = missing
  }
}

/**
 * Maximum length of an answer that lists several options, in characters. The length is limited because each
 * part of the answer is compared with every option.
 */
const CHOICES_CHARS = 4096

interface Given {
  action?: string | undefined
  answers: Record<string, FormAnswer>
}

/**
 * Checks the answer to a form.
 * @param questions the questions of the form's request: the key of an answer may be the name of a field, or
 * the question about the field
 * @throws FormFault
 */
export function formResult(form: Form, questions: Question[] | undefined, given: Given): FormResult {
  const answers = byPlace(form, questions, given.answers)
  const action = actionOf(form, given.action, answers.get(0), questions?.[0]?.question)
  if (action !== 'accept') return { action }
  if (form.url !== undefined) return { action }
  const content = form.fields.flatMap((field, index) => {
    const value = fieldValue(field, answers.get(index))
    return value === undefined ? [] : [[field.name, value]]
  })
  return { action, content: Object.fromEntries(content) }
}

/**
 * Returns the answers by the position of their field. If a key is the name of one field and the question of
 * another, it refers to the field with that name. If answers have both the name and the question of a field
 * as keys, the answer under the name is used.
 */
function byPlace({ fields }: Form, questions: Question[] = [], answers: Record<string, FormAnswer>) {
  const given = new Map<number, FormAnswer>()
  const named = new Map(fields.map(({ name }, place) => [name, place]))
  for (const [key, answer] of Object.entries(answers)) {
    const place = named.get(key)
    if (place !== undefined) given.set(place, answer)
  }
  for (const [key, answer] of Object.entries(answers)) {
    if (named.has(key)) continue
    const [place, ...others] = questions.flatMap(({ question }, at) => (question === key ? [at] : []))
    if (place === undefined) throw new FormFault(key, `"${key}" is not a question of this request.`)
    if (others.length > 0)
      throw new FormFault(key, `Several fields have the question "${key}". Answer by field name.`)
    if (!given.has(place)) given.set(place, answer)
  }
  return given
}

/** Returns the chosen action. A form without fields has a single question, whose answer is the action. */
function actionOf(
  form: Form,
  action: string | undefined,
  answer: FormAnswer | undefined,
  question: string | undefined,
) {
  const asked = action ?? (form.fields.length === 0 ? answer : undefined)
  if (asked === undefined && form.fields.length === 0)
    throw new FormFault(question ?? '', `No answer to "${question ?? form.message}".`, true)
  const found = FORM_ACTIONS.find(
    (one) =>
      one ===
      String(asked ?? 'accept')
        .trim()
        .toLowerCase(),
  )
  if (found) return found
  const path = action === undefined ? (question ?? '') : 'action'
  throw new FormFault(path, `The action must be one of ${FORM_ACTIONS.join(', ')}.`)
}

/**
 * Returns the value of one field.
 * @param answer undefined or empty text for an omitted field, which gets its default value
 * @throws FormFault
 */
export function fieldValue(field: FormField, answer: FormAnswer | undefined): unknown {
  if (answer === undefined || answer === '') {
    if (field.default !== undefined) return field.default
    if (field.required) throw new FormFault(field.name, `No answer to "${labelOf(field)}".`, true)
    return undefined
  }
  if (field.type === 'array') return several(field, answer)
  if (field.options) return choice(field, answer)
  return (own(types, field.type) ?? anything)(field, answer)
}

/**
 * Returns an entry by its name. The name comes from an untrusted source, so inherited properties are ignored.
 */
const own = <T>(table: Record<string, T>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined

export const labelOf = ({ name, title }: FormField) =>
  title === undefined || title === name ? name : `${title} (${name})`

const fault = (field: FormField, what: string) => new FormFault(field.name, `"${labelOf(field)}" ${what}.`)

const YES = ['true', 'yes', 'y']
const NO = ['false', 'no', 'n']
/** Each digit can match in only one way, so matching takes linear time. */
const NUMBER = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?$/i

const types: Record<string, (field: FormField, answer: FormAnswer) => unknown> = {
  boolean(field, answer) {
    if (typeof answer === 'boolean') return answer
    const word = String(answer).trim().toLowerCase()
    if (YES.includes(word)) return true
    if (NO.includes(word)) return false
    throw fault(field, 'must be yes or no')
  },
  number,
  integer(field, answer) {
    const value = number(field, answer)
    if (!Number.isSafeInteger(value)) throw fault(field, 'must be a whole number')
    return value
  },
  string(field, answer) {
    if (typeof answer !== 'string') throw fault(field, 'must be text')
    within(field, [...answer].length, field.min_length, field.max_length, ' characters')
    const format = own(formats, field.format ?? '')
    if (format && !format.safeParse(answer).success)
      throw fault(field, `must have the format ${field.format}`)
    return answer
  },
}

const formats: Record<string, z.ZodMiniType> = {
  email: z.email(),
  uri: z.url(),
  date: z.iso.date(),
  'date-time': z.iso.datetime({ offset: true }),
}

function number(field: FormField, answer: FormAnswer): number {
  const value = typeof answer === 'string' && NUMBER.test(answer.trim()) ? Number(answer) : answer
  if (typeof value !== 'number' || !Number.isFinite(value)) throw fault(field, 'must be a number')
  within(field, value, field.minimum, field.maximum, '')
  return value
}

/**
 * Reads the value of a field of a type that only newer servers know. If the answer is JSON, the value is the
 * parsed JSON.
 */
function anything(_field: FormField, answer: FormAnswer): unknown {
  if (typeof answer !== 'string') return answer
  try {
    return JSON.parse(answer)
  } catch {
    return answer
  }
}

function choice(field: FormField, answer: FormAnswer): string {
  const options = field.options ?? []
  if (options.some(({ value }) => value === String(answer))) return String(answer)
  const meant = new Set(options.filter(({ title }) => title === answer).map(({ value }) => value))
  const [value, ...others] = meant
  if (others.length > 0) throw fault(field, `has several options with that title: ${[...meant].join(', ')}`)
  if (value !== undefined) return value
  throw fault(field, `must be one of ${options.map(({ value }) => value).join(', ')}`)
}

function several(field: FormField, answer: FormAnswer): string[] {
  const parts = Array.isArray(answer) ? answer : split(field, String(answer))
  const chosen = [...new Set(field.options ? parts.map((part) => choice(field, part)) : parts)]
  within(field, chosen.length, field.min_items, field.max_items, ' choices')
  return chosen
}

const COMMA = /^\s*(?:,|$)/

/** Splits text at its commas, except at commas within the name of an option. */
function split(field: FormField, text: string): string[] {
  if (text.length > CHOICES_CHARS) throw fault(field, 'is too long')
  const names = (field.options ?? [])
    .flatMap(({ value, title }) => [value, title ?? value])
    .sort((a, b) => b.length - a.length)
  const parts: string[] = []
  for (let rest = text.trim(); rest !== ''; ) {
    const name = names.find((one) => rest.startsWith(one) && COMMA.test(rest.slice(one.length)))
    const part = name ?? rest.split(',', 1)[0]!
    parts.push(part.trim())
    rest = rest.slice(part.length).replace(/^\s*,?\s*/, '')
  }
  return parts
}

function within(
  field: FormField,
  size: number,
  min: number | undefined,
  max: number | undefined,
  unit: string,
) {
  if (min !== undefined && size < min) throw fault(field, `must be at least ${min}${unit}`)
  if (max !== undefined && size > max) throw fault(field, `must be at most ${max}${unit}`)
}
