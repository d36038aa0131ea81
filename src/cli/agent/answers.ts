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

/** What was typed, as the answer to a question: numbers stand for its options, several joined by commas. */
export function answerTo({ options, multi_select }: Question, typed: string): string {
  const text = typed.trim()
  const parts = text.split(',').map((part) => part.trim())
  const several = multi_select ? parts : [text]
  if (!several.every((part) => /^\d+$/.test(part) && Number(part) >= 1 && Number(part) <= options.length))
    return text
  return several.map((part) => options[Number(part) - 1]?.label ?? part).join(', ')
}

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

/** What somebody typed when asked to allow a tool or approve a plan. */
export function decisionOf(
  typed: string,
  request: PermissionRequest,
): { decision: 'allow' | 'deny'; message?: string; remember?: unknown[] } | undefined {
  const text = typed.trim()
  switch (text.toLowerCase()) {
    case '':
      return undefined
    case 'y':
    case 'yes':
      return { decision: 'allow' }
    case 'a':
    case 'always':
      return { decision: 'allow', remember: request.suggestions ?? [] }
    case 'n':
    case 'no':
      return { decision: 'deny' }
    default:
      // One letter is a slip, not a message.
      return text.length === 1 ? undefined : { decision: 'deny', message: text }
  }
}
