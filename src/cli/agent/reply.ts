import { Reveal } from '../../client/reveal-hidden.ts'
import type { FormAnswer, FormField, Question } from '../../protocol/index.ts'
import { cleanLine } from '../render/clean.ts'

/** Answer to one question, or to one field of a form. */
export interface Reply {
  of: 'question' | 'field'
  /** Key of the answer: the text of the question, or the name of the field. */
  name: string
  /** Number of the question or field, from 1. */
  number: number
  answer: FormAnswer
  /** Parts of the answer: options, with their numbers from 1, and free text. */
  parts: { option?: number; text: string }[]
}

export const replyTo = ({ question, options }: Question, index: number, given: string[]): Reply => ({
  of: 'question',
  name: question,
  number: index + 1,
  answer: given.join(', '),
  parts: given.map((text) => ({
    ...placeOf(
      text,
      options.map(({ label }) => label),
    ),
    text,
  })),
})

export const replyIn = (
  { name, options = [] }: FormField,
  index: number,
  answer: string | string[],
): Reply => ({
  of: 'field',
  name,
  number: index + 1,
  answer,
  parts: [answer].flat().map((value) => {
    const place = placeOf(
      value,
      options.map((option) => option.value),
    )
    return { ...place, text: (place && options[place.option - 1]?.title) ?? value }
  }),
})

function placeOf(text: string, texts: string[]) {
  const place = texts.indexOf(text)
  return place === -1 ? undefined : { option: place + 1 }
}

/** Returns the answers by name, for the daemon. `Object.fromEntries` accepts every name, even `__proto__`. */
export const answersOf = (replies: Reply[]): Record<string, FormAnswer> =>
  Object.fromEntries(replies.map(({ name, answer }) => [name, answer]))

const NAME_COLUMNS = 60

/** Formats a reply, safe for a terminal, such as `question 1 "Which?": option 2 "B"`. */
export const replyText = ({ of, name, number, parts }: Reply): string =>
  `${of} ${number} ${quoted(cleanLine(name, NAME_COLUMNS))}: ${parts.map(partText).join(', ')}`

const partText = ({ option, text }: Reply['parts'][number]) =>
  option === undefined ? quoted(text) : `option ${option} ${quoted(text)}`

const quoted = (text: string) => JSON.stringify(new Reveal().line(text))
