import { UserError } from '../../platform/errors.ts'
import type { Question } from '../../protocol/index.ts'
import { EXIT } from '../exit-codes.ts'
import { type Reply, replyTo } from './reply.ts'

/** One number, or several, and nothing else. */
const NUMBERS = /^[-+#]?\d+[.)]?(?:[\s,;]+[-+#]?\d+[.)]?)*[\s,;]*$/
const QUOTED = /^(["'])(.*)\1$/

/**
 * What was typed, as the answer to a question: labels of options and other text, of which there are several only where
 * several may be chosen. Numbers stand for options. A number in quotation marks, and anything that is no number, is the
 * answer itself.
 * @throws UserError for a number that stands for no option
 */
export function answerTo(question: Question, typed: string): string[] {
  const { options, multi_select } = question
  const text = typed.trim()
  // Keyboards for East Asian languages have digits and commas of their own.
  const plain = text.normalize('NFKC').replaceAll('、', ',')
  if (text === '') throw unanswerable(question, 'The answer is empty.')
  const quoted = QUOTED.exec(plain)?.[2]
  if (quoted !== undefined && NUMBERS.test(quoted)) return [quoted]
  const numbers = NUMBERS.test(plain)
  // What is typed for the option in a place is not taken for another one that is called like that.
  const label = options.find((option) => option.label === text && !options[Number(plain) - 1])?.label
  if (label !== undefined || options.length === 0) return [text]
  if (!numbers && !(multi_select && isList(question, plain))) return [text]
  const parts = plain
    .split(numbers ? /[\s,;]+/ : ',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  if (parts.length > 1 && !multi_select) throw unanswerable(question, 'Only one option may be chosen.')
  return [...new Set(parts.map((part) => (NUMBERS.test(part) ? optionOf(question, part) : part)))]
}

/** Whether text is a list of options and not a sentence with commas in it. */
function isList({ options }: Question, text: string): boolean {
  const parts = text.split(',').map((part) => part.trim())
  const labels = parts.filter((part) => options.some(({ label }) => label === part))
  const numbers = parts.filter((part) => NUMBERS.test(part))
  return (
    NUMBERS.test(parts[0] ?? '') || (numbers.length > 0 && labels.length + numbers.length === parts.length)
  )
}

function optionOf(question: Question, part: string): string {
  const option = /^#?(\d+)[.)]?$/.exec(part)
  const label = option ? question.options[Number(option[1]) - 1]?.label : undefined
  if (label !== undefined) return label
  throw unanswerable(question, `There is no option ${part}.`)
}

const unanswerable = ({ options }: Question, message: string) =>
  new UserError('answer_invalid', message, {
    remedy:
      options.length === 0
        ? 'Type the answer.'
        : `Type a number from 1 to ${options.length}, or the answer itself; put an answer that is a number in quotation marks ('"7"' in a shell).`,
    exitCode: EXIT.usage,
  })

/** Answers in the order of the questions. @throws UserError when they are not as many */
export function answersTo(questions: Question[], typed: string[]): Reply[] {
  if (typed.length !== questions.length)
    throw new UserError(
      'answers_incomplete',
      `${questions.length} answer${questions.length === 1 ? ' is' : 's are'} needed, ${typed.length} given.`,
      {
        remedy: questions
          .map(
            ({ question, options }) =>
              `"${question}" ${options.map(({ label }, index) => `${index + 1} ${label}`).join(', ')}`,
          )
          .join('; '),
        exitCode: EXIT.usage,
      },
    )
  return questions.map((question, index) => replyTo(question, index, answerTo(question, typed[index] ?? '')))
}

const ALLOW = ['y', 'yes']
const DENY = ['n', 'no']
const ALWAYS = ['a', 'always']
/** In scripts that know no blanks a sentence looks like a word. */
const SLIP = /^(?:[\x21-\x7e]*|.)$/su

/**
 * What somebody typed when asked to allow a tool or approve a plan.
 * @param offered whether there is something to remember
 * @returns undefined for what may be a slip: a single word or number that is none of those offered
 */
export function decisionOf(
  typed: string,
  offered: boolean,
): { decision: 'allow' | 'deny' | 'always'; message?: string } | undefined {
  const text = typed.trim()
  const word = text.toLowerCase()
  if (ALLOW.includes(word)) return { decision: 'allow' }
  if (DENY.includes(word)) return { decision: 'deny' }
  if (ALWAYS.includes(word) && offered) return { decision: 'always' }
  return SLIP.test(text) ? undefined : { decision: 'deny', message: text }
}
