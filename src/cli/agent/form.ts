import { UserError } from '../../platform/errors.ts'
import {
  type Form,
  type FormAnswer,
  FormFault,
  type FormField,
  fieldValue,
  labelOf,
  type PermissionRequest,
  type Question,
} from '../../protocol/index.ts'
import { EXIT } from '../exit-codes.ts'
import { answerTo } from './answers.ts'

/** Returns the form of a request if it has fields. A form without fields is answered like any question. */
export const fillable = ({ form }: PermissionRequest): Form | undefined =>
  form && form.fields.length > 0 ? form : undefined

/**
 * Returns the answer for one field from typed text: the number of an option, or a value; empty text omits the field.
 * @throws UserError where the field does not take it
 */
export function fieldAnswer(field: FormField, question: Question | undefined, typed: string): FormAnswer {
  const text = typed.trim()
  const asked = question && { ...question, ...(field.options && { options: labelsOf(field.options) }) }
  const answer = text === '' || !asked ? text : answerTo(asked, text)
  try {
    fieldValue(field, answer)
  } catch (error) {
    if (!(error instanceof FormFault)) throw error
    throw new UserError('answer_invalid', error.message, {
      remedy: field.required ? 'Type another value.' : 'Type another value, or leave it out.',
      exitCode: EXIT.usage,
    })
  }
  return answer
}

/** Returns each option under its title, or under its value if the title is another option's title or value. */
function labelsOf(options: NonNullable<FormField['options']>) {
  const meant = new Map([
    ...options
      .flatMap(({ value, title }) => (title === undefined ? [] : [[title, value] as const]))
      .reverse(),
    ...options.map(({ value }) => [value, value] as const),
  ])
  return options.map(({ value, title }) => ({
    label: title !== undefined && meant.get(title) === value ? title : value,
  }))
}

/**
 * Returns the answers to a form from typed texts: in the order of the fields, or as NAME=VALUE.
 * @throws UserError where a required field is left out, or a field does not take its value
 */
export function formAnswers(
  { fields }: Form,
  questions: Question[] | undefined,
  typed: string[],
): Record<string, FormAnswer> {
  const given = new Map<FormField, string>()
  for (const text of typed) {
    const [, name, value = ''] = /^([^=]+)=([\s\S]*)$/.exec(text) ?? []
    const named = fields.find((field) => field.name === name)
    const field = named ?? fields.find((one) => !given.has(one))
    if (!field)
      throw new UserError(
        'answers_incomplete',
        `The form has ${fields.length} fields, and more were given.`,
        {
          remedy: `Its fields are: ${fields.map(labelOf).join(', ')}.`,
          exitCode: EXIT.usage,
        },
      )
    given.set(field, named ? value : text)
  }
  const answers = fields.map((field, index) => [
    field.name,
    fieldAnswer(field, questions?.[index], given.get(field) ?? ''),
  ])
  return Object.fromEntries(answers.filter(([, answer]) => answer !== ''))
}
