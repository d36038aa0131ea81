import type { Agent } from '../agents/agent.ts'
import { CommandFailure } from '../agents/command-failure.ts'
import { withdrawnLine } from '../agents/events/decode.ts'
import { uuidFrom, withdrawnLineId } from '../agents/events/ids.ts'
import { isoTime } from '../platform/clock.ts'
import type { CommandOf } from '../protocol/index.ts'
import { AnsweredLater } from './answered-later.ts'
import { confirm } from './confirm.ts'

type Withdrawal = Pick<CommandOf<'agent:withdraw'>, 'command_id' | 'prompt_id' | 'by'>

/**
 * Withdraws a prompt, unless the agent has begun it. If the agent's process has the prompt, the process itself
 * decides. If the process ends before it replies, the prompt is withdrawn from the prompts for the next run.
 * @throws CommandFailure
 */
export async function withdrawPrompt(agent: Agent, withdrawal: Withdrawal): Promise<void> {
  const { command_id, prompt_id } = withdrawal
  const { id, inbox, runtime } = agent
  while (!inbox.isWithdrawn(prompt_id)) {
    if (!inbox.hasAccepted(prompt_id)) throw notFound(agent, prompt_id)
    if (!inbox.isUnsettled(prompt_id)) throw taken(agent, prompt_id)
    const { hasEnded, launching, snapshot } = agent
    if (hasEnded || launching.queued) return withdraw(agent, withdrawal)
    const { run } = agent.run
    const isOver = () => agent.hasEnded || agent.run.run !== run || !inbox.isUnsettled(prompt_id)
    if (snapshot.state === 'stopping') {
      if (await agent.until(isOver)) continue
      throw new AnsweredLater()
    }
    const input = runtime.withdraw?.(
      uuidFrom('withdraw', id, command_id, run),
      prompt_id,
      snapshot.conversation,
    )
    if (!input) throw irrevocable(agent)
    await confirm(agent, input, isOver)
    // The program reports a dropped prompt before its reply.
    if (!isOver()) throw taken(agent, prompt_id)
  }
}

/**
 * Withdraws a prompt while the agent has no process. The history tells it first, so that it is never incomplete:
 * if this daemon is killed in between, the next daemon reads the history, and withdraws the prompt.
 */
function withdraw(agent: Agent, { prompt_id, by }: Withdrawal) {
  const { journal, inbox, snapshot } = agent
  journal.extend(snapshot.offset)
  // In a restored backup, a server can have more than the journal before this line.
  agent.save()
  const line = { prompt_id, ...(by !== undefined && { by }), time: isoTime(Date.now()) }
  inbox.record(withdrawnLineId(line))
  journal.append(withdrawnLine(line))
  inbox.withdraw(prompt_id)
  while (agent.catchUp());
  agent.touch()
}

const notFound = ({ id }: Agent, promptId: string) =>
  new CommandFailure('prompt_not_found', `${id} has no prompt ${promptId}.`, {
    path: 'prompt_id',
    remedy: 'Name one of the waiting_prompts of its status.',
  })

const taken = ({ id }: Agent, promptId: string) =>
  new CommandFailure('prompt_taken', `${id} has already taken the prompt ${promptId}.`, {
    path: 'prompt_id',
    remedy: 'To end the turn, interrupt the agent.',
  })

const irrevocable = ({ id, runtime }: Agent) =>
  new CommandFailure(
    'unsupported',
    `${runtime.title} already has the prompt of ${id}, and cannot drop one prompt.`,
    {
      remedy: 'Interrupt the agent, and cancel all waiting prompts (`cancel_queued`, --cancel-queued).',
    },
  )
