import type { Event, Outcome } from '../../protocol/index.ts'
import { follow, idOf, lastActivity } from '../client/follow.ts'
import type { HubClient } from '../client/hub-client.ts'
import { EXIT } from '../exit-codes.ts'
import { endText } from '../render/agents.ts'
import { note } from '../terminal.ts'
import { View } from './view.ts'

/** Seconds of one request that waits for a command; it is asked again until there is an outcome. */
const OUTCOME_WAIT_S = 60

export interface WaitOptions {
  /** The prompt whose turn it is. Without one, the next turn. */
  promptId?: string | undefined
  /** Id of the last event from before. */
  after?: string | undefined
  /** The process that does it, where that is a new one: the end of an earlier one is not its end. */
  run?: number | undefined
  json?: boolean | undefined
}

/**
 * Prints what an agent does until the turn of a prompt has its result.
 * @returns the exit code: whether the turn succeeded
 */
export async function waitForTurn(
  client: HubClient,
  agentId: string,
  { promptId, after, run = 0, json }: WaitOptions,
): Promise<number> {
  const over = new AbortController()
  const interrupted = () => over.abort()
  process.once('SIGINT', interrupted)
  const view = new View(client, agentId, { json, over })
  let place = after
  const judge = verdict(promptId)
  let code: number | undefined
  const take = (event: Event) => {
    place = idOf(event)
    view.activity(event)
    code ??= judge(event)
  }
  let ending: string | undefined
  try {
    const connection = view.connection.bind(view)
    for await (const item of follow(client, agentId, { after, signal: over.signal, connection })) {
      if (item.type === 'activity') take(item.event)
      else {
        view.status(item.agent)
        const { state } = item.agent
        if (item.agent.run >= run && (state === 'exited' || state === 'failed')) ending = endText(item.agent)
      }
      if (code !== undefined || ending !== undefined) break
    }
    if (code === undefined && ending !== undefined)
      for await (const event of lastActivity(client, agentId, place, over.signal)) take(event)
  } finally {
    process.off('SIGINT', interrupted)
    await view.close()
  }
  if (code !== undefined) return code
  if (over.signal.aborted) {
    note(`The agent works on: fomular-daemon agent watch ${agentId}`)
    return EXIT.interrupted
  }
  note(ending ?? 'The agent was removed.')
  return EXIT.agent
}

/** Takes an agent's events one by one. @returns the exit code at the one that settles it */
export function verdict(promptId: string | undefined) {
  let current: string | undefined
  return (event: Event): number | undefined => {
    if (event.kind === 'prompt_state' && event.state === 'started') current = event.prompt_id
    // A hook may refuse a prompt that was sent into the turn of another.
    const ours = promptId === undefined || current === undefined || current === promptId
    if (event.kind === 'prompt_rejected' && ours) return EXIT.agent
    return verdictOf(event, promptId)
  }
}

function verdictOf(event: Event, promptId: string | undefined): number | undefined {
  if (event.kind === 'prompt_state' && event.state === 'cancelled' && event.prompt_id === promptId)
    return EXIT.agent
  if (event.kind !== 'turn_result' || event.parent_tool_use_id !== undefined) return undefined
  // Turns that nobody prompted, such as one for a background task, name no prompt of ours.
  if (promptId !== undefined && event.prompt_ids?.length && !event.prompt_ids.includes(promptId))
    return undefined
  return event.is_error ? EXIT.agent : EXIT.ok
}

/** Waits until a command that was taken has an outcome, however long its machine is away. @throws UserError if it failed */
export async function settled(client: HubClient, outcome: Outcome): Promise<Outcome> {
  let latest = outcome
  while (latest.state === 'pending') latest = await client.outcome(latest.command_id, OUTCOME_WAIT_S)
  return latest
}
