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

/** The form of a request that has fields to fill in. An address and an empty form are answered like any question. */
export const fillable = ({ form }: PermissionRequest): Form | undefined =>
  form && form.fields.length > 0 ? form : undefined

/**
 * What was typed for one field: the number of an option, or its value; nothing leaves the field out.
 * @throws UserError where the field does not take it
 */
export function fieldAnswer(field: FormField, question: Question | undefined, typed: string): FormAnswer {
  const text = typed.trim()
  const answer = text === '' || !question ? text : answerTo(question, text)
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

/**
 * What was typed for the fields of a form: in their order, or as NAME=VALUE.
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
