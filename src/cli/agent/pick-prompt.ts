import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { type HubAgent, Uuid, type WaitingPrompt } from '../../protocol/index.ts'
import { checkOnce } from '../../protocol/schema-check.ts'
import { promptText, shortPromptId } from '../render/waiting-prompt.ts'

/** Maximum number of prompts that a message lists, and maximum width of their texts, in columns. */
const LISTED = 10
const TEXT_COLUMNS = 40

type Waiting = Pick<HubAgent, 'agent_id' | 'undelivered_prompts' | 'waiting_prompts'>

const refused = (code: string, message: string, remedy: string) =>
  new UserError(code, message, { remedy, exitCode: EXIT.refused })

/**
 * Returns the waiting prompt whose id is `given`, or begins with `given`. If `given` is undefined, returns the
 * only waiting prompt. A complete id need not be listed, because a status lists only some prompts.
 * @throws UserError
 */
export function pickPrompt(agent: Waiting, given: string | undefined): WaitingPrompt {
  const { agent_id, undelivered_prompts, waiting_prompts: waiting = [] } = agent
  const found = waiting.filter(({ prompt_id }) => prompt_id.startsWith(given?.toLowerCase() ?? ''))
  const isOnly = found.length === 1 && (given !== undefined || undelivered_prompts <= 1)
  if (isOnly) return found[0]!
  if (given !== undefined && checkOnce(Uuid, given).success) return { prompt_id: given.toLowerCase() }
  if (undelivered_prompts === 0)
    throw refused(
      'prompt_not_found',
      `No prompt waits for ${agent_id}.`,
      'The agent has taken all its prompts. To end its turn: fomular-daemon agent interrupt',
    )
  if (waiting.length === 0)
    throw refused(
      'unsupported',
      `The machine of ${agent_id} does not list the prompts that wait.`,
      'Update the daemon of this machine: fomular-daemon machine update',
    )
  const list = listOf(waiting, undelivered_prompts)
  if (found.length === 0)
    throw refused(
      'prompt_not_found',
      `No prompt ${given} waits for ${agent_id}.`,
      `These prompts wait: ${list}.`,
    )
  throw refused('prompt_ambiguous', `Several prompts wait for ${agent_id}.`, `Name one: ${list}.`)
}

function listOf(waiting: WaitingPrompt[], count: number): string {
  const names = waiting
    .slice(0, LISTED)
    .map((prompt) => `${shortPromptId(prompt)} (${promptText(prompt, TEXT_COLUMNS)})`)
  return [...names, ...(count > names.length ? [`${count - names.length} more`] : [])].join(', ')
}
