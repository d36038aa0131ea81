import assert from 'node:assert/strict'
import type { Stage } from './stage.ts'

/** Waits for the result of the turn that answers a prompt. */
export const turnOf = (stage: Stage, agent: string, promptId: string) =>
  stage.eventually(agent, 'turn_result', ({ prompt_ids }) => prompt_ids?.includes(promptId) ?? false)

/** Sends a prompt to an agent. @returns the id of the prompt */
export const prompt = async (stage: Stage, agent: string, content: unknown) => {
  const outcome = await stage.command(agent, 'prompt', { content })
  assert.equal(outcome.state, 'succeeded', JSON.stringify(outcome))
  return outcome.result?.prompt_id as string
}
