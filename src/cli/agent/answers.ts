import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { Question } from '../../protocol/index.ts'
import { type Reply, replyTo } from './reply.ts'

/** Matches one or more numbers and nothing else. */
const NUMBERS = /^[-+#]?\d+[.)]?(?:[\s,;]+[-+#]?\d+[.)]?)*[\s,;]*$/
const QUOTED = /^(["'])(.*)\1$/

/**
 * Converts typed text into the answer to a question: labels of options, and free text. A number selects an
 * option; a number in quotation marks, and any other text, is the answer itself. Several parts are valid
 * only if the question allows several options.
 * @throws UserError for a number without an option
 */
export function answerTo(question: Question, typed: string): string[] {
  const { options, multi_select } = question
  const text = typed.trim()
  // East Asian keyboards can type full-width digits and commas.
  const plain = text.normalize('NFKC').replaceAll('、', ',')
  if (text === '') throw unanswerable(question, 'The answer is empty.')
  const quoted = QUOTED.exec(plain)?.[2]
  if (quoted !== undefined && NUMBERS.test(quoted)) return [quoted]
  const numbers = NUMBERS.test(plain)
  // A number selects an option by its position, even if the label of another option is the same number.
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

/** Reports whether text is a list of options, and not a sentence with commas. */
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
        : `Type a number from 1 to ${options.length}, or the answer itself. If the answer is a number, put it in quotation marks ('"7"' in a shell).`,
    exitCode: EXIT.usage,
  })

/**
 * Converts typed texts into answers, in the order of the questions.
 * @throws UserError if there are more or fewer texts than questions
 */
export function answersTo(questions: Question[], typed: string[]): Reply[] {
  if (typed.length !== questions.length)
    throw new UserError(
      'answers_incomplete',
      `The request needs ${questions.length} answer${questions.length === 1 ? '' : 's'}, but you gave ${typed.length}.`,
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
/**
 * Matches a single ASCII word or character. In scripts without spaces, a whole sentence looks like a word.
 */
const SLIP = /^(?:[\x21-\x7e]*|.)$/su

/**
 * Converts typed text into a decision about a request: to allow a tool, or to approve a plan.
 * @param offered true if the user may answer `always`
 * @returns undefined for a possible typing mistake: an unknown single word or number
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
