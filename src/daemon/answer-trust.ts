import type { Agent } from '../agents/agent.ts'
import { uuidFrom } from '../agents/events/ids.ts'
import type { RepositoryTrust } from '../agents/trust/repository-trust.ts'
import type { CommandOf } from '../protocol/index.ts'
import { requestFor } from './answer-request.ts'
import { checkRunning } from './check-running.ts'
import { decisionOn } from './read-answers.ts'

/** Answers the request to use the startup files of an agent's folder. @throws CommandFailure */
export function answerTrust(
  trust: Pick<RepositoryTrust, 'answer'>,
  agent: Agent,
  command: CommandOf<'agent:permission'>,
) {
  const request = requestFor(agent, command)
  checkRunning(agent)
  const answer = decisionOn(agent.runtime, request, command)
  if ('deny' in answer) trust.answer(agent, { allow: false, message: answer.deny.message })
  else trust.answer(agent, { allow: true })
  agent.inbox.mark(uuidFrom('answer', agent.id, command.command_id))
}
