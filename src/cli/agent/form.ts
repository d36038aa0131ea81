import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import {
  type Form,
  FormFault,
  type FormField,
  fieldValue,
  labelOf,
  type PermissionRequest,
  type Question,
} from '../../protocol/index.ts'
import { answerTo } from './answers.ts'
import { type Reply, replyIn } from './reply.ts'

/** Returns the form of a request if it has fields. A form without fields is answered like any question. */
export const fillable = ({ form }: PermissionRequest): Form | undefined =>
  form && form.fields.length > 0 ? form : undefined

/**
 * Returns the answer for one field from typed text: the number of an option, or a value; empty text omits the
 * field. For an option, returns the option's value.
 * @throws UserError if the field does not accept the value
 */
export function fieldAnswer(
  field: FormField,
  question: Question | undefined,
  typed: string,
): string | string[] {
  const text = typed.trim()
  const options = field.options?.map(({ value }) => ({ label: value }))
  const given =
    text === '' || !question ? [text] : answerTo({ ...question, ...(options && { options }) }, text)
  const answer = given.length === 1 ? given[0]! : given
  try {
    const value = fieldValue(field, answer)
    return options && text !== '' ? (value as string | string[]) : answer
  } catch (error) {
    if (!(error instanceof FormFault)) throw error
    throw new UserError('answer_invalid', error.message, {
      remedy: field.required ? 'Type another value.' : 'Type another value, or leave it out.',
      exitCode: EXIT.usage,
    })
  }
}

/**
 * Returns the answers to a form from typed texts: in the order of the fields, or as NAME=VALUE.
 * @throws UserError if a required field is missing, or a field does not accept its value
 */
export function formAnswers({ fields }: Form, questions: Question[] | undefined, typed: string[]): Reply[] {
  const given = new Map<FormField, string>()
  for (const text of typed) {
    const [, name, value = ''] = /^([^=]+)=([\s\S]*)$/.exec(text) ?? []
    const named = fields.find((field) => field.name === name)
    const field = named ?? fields.find((one) => !given.has(one))
    if (!field)
      throw new UserError('answers_incomplete', `The form has ${fields.length} fields, but you gave more.`, {
        remedy: `Answer only the form's fields: ${fields.map(labelOf).join(', ')}.`,
        exitCode: EXIT.usage,
      })
    given.set(field, named ? value : text)
  }
  return fields.flatMap((field, index) => {
    const answer = fieldAnswer(field, questions?.[index], given.get(field) ?? '')
    return answer === '' ? [] : [replyIn(field, index, answer)]
  })
}
