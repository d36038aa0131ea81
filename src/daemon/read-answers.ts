import { CommandFailure } from '../agents/command-failure.ts'
import type { Conversation, PermissionAnswer } from '../agents/runtimes/conversation.ts'
import {
  type CommandOf,
  FormFault,
  type FormResult,
  formResult,
  type PermissionRequest,
} from '../protocol/index.ts'

/**
 * Reads a decision.
 * @throws CommandFailure if the request is not a permission request, or does not offer the rule that the
 * decision asks to remember
 */
export function decisionOn(
  { offered }: Pick<Conversation, 'offered'>,
  request: PermissionRequest,
  { decision, input, message, interrupt, remember }: CommandOf<'agent:permission'>,
): PermissionAnswer {
  if (decision === 'deny') return { deny: { message, interrupt } }
  // Do not accept a mere permission for a question, because the agent would get no answer to it.
  if (request.ask === 'question')
    throw new CommandFailure('answers_incomplete', 'This request needs an answer, not a permission.', {
      path: 'decision',
      remedy: 'Answer the question with agent:answer, or deny the request.',
    })
  const isOffered = offered(request)
  const foreign = remember?.findIndex((entry) => !isOffered(entry)) ?? -1
  if (foreign >= 0)
    throw new CommandFailure('invalid_command', 'The request does not offer to remember this rule.', {
      path: `remember.${foreign}`,
      remedy: 'Use a suggestion of the request, unchanged or limited to the session.',
    })
  return { allow: { input, remember } }
}

/** Reads the answers to a question or form. @throws CommandFailure if they do not fit the request */
export function answersTo(
  request: PermissionRequest,
  { answers, action }: CommandOf<'agent:answer'>,
): PermissionAnswer {
  if (request.form) return { form: filledIn(request, { answers, action }) }
  if (request.ask !== 'question')
    throw new CommandFailure('answers_incomplete', 'This request asks for a decision, not for answers.', {
      path: 'answers',
      remedy: 'Use agent:permission.',
    })
  if (action !== undefined)
    throw new CommandFailure('invalid_command', 'Only the answer to a form can have an action.', {
      path: 'action',
      remedy: 'Answer every question, or deny the request with agent:permission.',
    })
  const asked = request.questions?.map(({ question }) => question) ?? []
  const missing = asked.find((question) => !Object.hasOwn(answers, question))
  if (missing !== undefined)
    throw new CommandFailure('answers_incomplete', `No answer to "${missing}".`, {
      path: 'answers',
      remedy: 'Answer every question.',
    })
  return { answers: Object.fromEntries(Object.entries(answers).map((entry) => textAnswer(asked, entry))) }
}

function textAnswer(asked: string[], [question, answer]: [string, unknown]): [string, string] {
  if (!asked.includes(question))
    throw new CommandFailure('invalid_command', `The request does not ask "${question}".`, {
      path: `answers.${question}`,
      remedy: 'Copy the text of each question exactly from the request.',
    })
  if (typeof answer === 'string') return [question, answer]
  throw new CommandFailure('invalid_command', `The answer to "${question}" must be text.`, {
    path: `answers.${question}`,
    remedy: 'Only fields of a form can have values that are not text.',
  })
}

function filledIn(
  { form, questions }: PermissionRequest,
  given: Pick<CommandOf<'agent:answer'>, 'answers' | 'action'>,
): FormResult {
  try {
    return formResult(form!, questions, given)
  } catch (error) {
    if (!(error instanceof FormFault)) throw error
    throw new CommandFailure(error.missing ? 'answers_incomplete' : 'invalid_command', error.message, {
      path: error.field === 'action' ? 'action' : `answers.${error.field}`,
      remedy:
        'Answer all fields as the form requires, or end the form with the action "decline" or "cancel".',
    })
  }
}
