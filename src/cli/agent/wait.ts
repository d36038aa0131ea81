import type { HubClient } from '../../client/hub-client.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { Event, Outcome } from '../../protocol/index.ts'
import { endText } from '../render/agents.ts'
import { note } from '../terminal.ts'
import { showUntilEnd } from './show-until-end.ts'

/**
 * Time that one HTTP request waits for a command's outcome, in seconds. Requests repeat until there
 * is an outcome.
 */
const OUTCOME_WAIT_S = 60

export interface WaitOptions {
  /** Id of the prompt. The function waits for the end of this prompt's turn. Default: the next turn. */
  promptId?: string | undefined
  /** Id of the last event before the command. */
  after?: string | undefined
  /** Number of the new run, if the command started one: the end of an earlier run does not count. */
  run?: number | undefined
  json?: boolean | undefined
}

/**
 * Prints an agent's activity until the turn of a prompt has a result.
 * @returns the exit code for the result of the turn
 */
export async function waitForTurn(
  client: HubClient,
  agentId: string,
  { promptId, after, run = 0, json }: WaitOptions,
): Promise<number> {
  const judge = verdict(promptId)
  let code: number | undefined
  const { ending, interrupted } = await showUntilEnd(client, agentId, {
    after,
    json,
    endingOf: (agent) =>
      agent.run >= run && (agent.state === 'exited' || agent.state === 'failed') ? endText(agent) : undefined,
    onEvent: (event) => {
      code ??= judge(event)
      return code !== undefined
    },
  })
  if (code !== undefined) return code
  if (interrupted) {
    note(`The agent keeps working. To follow the agent: fomular-daemon agent watch ${agentId}`)
    return EXIT.interrupted
  }
  note(ending)
  return EXIT.agent
}

/**
 * Returns a function that takes an agent's events in order. At the event that decides the outcome, the
 * function returns the exit code.
 */
export function verdict(promptId: string | undefined) {
  let current: string | undefined
  return (event: Event): number | undefined => {
    if (event.kind === 'prompt_state' && event.state === 'started') current = event.prompt_id
    // A hook may refuse another prompt that was sent during this turn.
    const ours = promptId === undefined || current === undefined || current === promptId
    if (event.kind === 'prompt_rejected' && ours) return EXIT.agent
    return verdictOf(event, promptId)
  }
}

function verdictOf(event: Event, promptId: string | undefined): number | undefined {
  if (event.kind === 'prompt_state' && event.state === 'cancelled' && event.prompt_id === promptId)
    return EXIT.agent
  if (event.kind !== 'turn_result' || event.parent_tool_use_id !== undefined) return undefined
  // Ignore the end of a turn that was only for other prompts. The end of a turn that names no prompts counts.
  if (promptId !== undefined && event.prompt_ids?.length && !event.prompt_ids.includes(promptId))
    return undefined
  return event.is_error ? EXIT.agent : EXIT.ok
}

/**
 * Waits until a command has an outcome, without a time limit, because its machine may be disconnected.
 * @throws UserError if the command failed
 */
export async function waitForOutcome(client: HubClient, outcome: Outcome): Promise<Outcome> {
  let latest = outcome
  while (latest.state === 'pending') latest = await client.outcome(latest.command_id, OUTCOME_WAIT_S)
  return latest
}
