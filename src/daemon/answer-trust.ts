import { isDeepStrictEqual } from 'node:util'
import type { Agent } from '../agents/agent.ts'
import { CommandFailure } from '../agents/command-failure.ts'
import { uuidFrom } from '../agents/events/ids.ts'
import type { RepositoryTrust } from '../agents/trust/repository-trust.ts'
import type { CommandOf } from '../protocol/index.ts'
import { requestFor } from './answer-request.ts'
import { checkRunning } from './check-running.ts'
import { decisionOn } from './read-answers.ts'

export interface TrustAnswers {
  trust: Pick<RepositoryTrust, 'answer'>
  redacted<T extends object>(part: T): T
}

/**
 * Handles an answer to the request for permission to use the startup files of an agent's folder.
 * @param redacted returns an input in the form in which the server has received it
 * @throws CommandFailure
 */
export function answerTrust(
  { trust, redacted }: TrustAnswers,
  agent: Agent,
  command: CommandOf<'agent:permission'>,
) {
  const request = requestFor(agent, command)
  checkRunning(agent)
  const shown = [request.input, redacted(request.input)]
  if (command.input && !shown.some((input) => isDeepStrictEqual(input, command.input)))
    throw new CommandFailure(
      'request_changed',
      `The startup files in this answer are not the startup files that ${agent.id} asks to use.`,
      { path: 'input', remedy: 'Look at the current request, and answer it.' },
    )
  const answer = decisionOn(agent.runtime, request, command)
  if ('deny' in answer) trust.answer(agent, { allow: false, message: answer.deny.message })
  else trust.answer(agent, { allow: true })
  agent.inbox.mark(uuidFrom('answer', agent.id, command.command_id))
}
