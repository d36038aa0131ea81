import { UserError } from '../../platform/errors.ts'
import type { HubAgent, PermissionRequest, Question } from '../../protocol/index.ts'
import { EXIT } from '../exit-codes.ts'

const refused = (code: string, message: string, remedy: string) =>
  new UserError(code, message, { remedy, exitCode: EXIT.refused })

/**
 * The request that is meant: the one with this id, or its beginning; without one the only one there is.
 * @throws UserError
 */
export function pickRequest({ agent_id, pending }: HubAgent, given: string | undefined): PermissionRequest {
  const list = pending.map(({ request_id, tool }) => `${request_id} (${tool})`).join(', ')
  if (pending.length === 0)
    throw refused(
      'request_not_pending',
      `${agent_id} asks for nothing.`,
      `See \`fomular-daemon agent watch ${agent_id}\`.`,
    )
  const found =
    given === undefined
      ? pending
      : pending.filter(({ request_id }) => request_id === given || request_id.startsWith(given))
  const exact =
    found.find(({ request_id }) => request_id === given) ?? (found.length === 1 ? found[0] : undefined)
  if (exact) return exact
  if (found.length === 0)
    throw refused('request_not_pending', `${agent_id} does not ask for ${given}.`, `It asks for: ${list}.`)
  throw refused(
    'request_ambiguous',
    `${agent_id} asks for more than one thing.`,
    `Name one with --request: ${list}.`,
  )
}

/** One number, or several, and nothing else. */
const NUMBERS = /^[-+#]?\d+[.)]?(?:[\s,;]+[-+#]?\d+[.)]?)*[\s,;]*$/
const QUOTED = /^(["'])(.*)\1$/

/**
 * What was typed, as the answer to a question. Numbers stand for its options, several of them joined by commas where
 * several may be chosen. A number in quotation marks, and anything that is no number, is the answer itself.
 * @throws UserError for a number that stands for no option
 */
export function answerTo(question: Question, typed: string): string {
  const { options, multi_select } = question
  const text = typed.trim()
  // Keyboards for East Asian languages have digits and commas of their own.
  const plain = text.normalize('NFKC').replaceAll('、', ',')
  if (text === '') throw unanswerable(question, 'The answer is empty.')
  const quoted = QUOTED.exec(plain)?.[2]
  if (quoted !== undefined && NUMBERS.test(quoted)) return quoted
  const label = options.find((option) => option.label === text)?.label
  if (label !== undefined || options.length === 0) return text
  const numbers = NUMBERS.test(plain)
  if (!numbers && !(multi_select && isList(question, plain))) return text
  const parts = plain
    .split(numbers ? /[\s,;]+/ : ',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  if (parts.length > 1 && !multi_select) throw unanswerable(question, 'Only one option may be chosen.')
  const chosen = parts.map((part) => (NUMBERS.test(part) ? optionOf(question, part) : part))
  return [...new Set(chosen)].join(', ')
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
export function answersTo(questions: Question[], typed: string[]): Record<string, string> {
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
  return Object.fromEntries(
    questions.map((question, index) => [question.question, answerTo(question, typed[index] ?? '')]),
  )
}

const ALLOW = ['y', 'yes']
const DENY = ['n', 'no']
const ALWAYS = ['a', 'always']
/** In scripts that know no blanks a sentence looks like a word. */
const SLIP = /^(?:[\x21-\x7e]*|.)$/su

/**
 * What somebody typed when asked to allow a tool or approve a plan.
 * @returns undefined for what may be a slip: a single word or number that is none of those offered
 */
export function decisionOf(
  typed: string,
  request: PermissionRequest,
): { decision: 'allow' | 'deny'; message?: string; remember?: unknown[] } | undefined {
  const text = typed.trim()
  const word = text.toLowerCase()
  if (ALLOW.includes(word)) return { decision: 'allow' }
  if (DENY.includes(word)) return { decision: 'deny' }
  const { suggestions = [] } = request
  if (ALWAYS.includes(word) && suggestions.length > 0) return { decision: 'allow', remember: suggestions }
  return SLIP.test(text) ? undefined : { decision: 'deny', message: text }
}
