import type { RunRecord, SpecRecord } from './disk/records.ts'
import type { Run } from './runtimes/conversation.ts'

/**
 * Returns the data about a run that the run's conversation needs. Only the first run of an agent has a
 * prompt.
 */
export function runOf({ spec }: SpecRecord, { run, initialize_id, session, prompt_id }: RunRecord): Run {
  const { prompt: content } = spec
  const prompt =
    run === 1 && prompt_id !== undefined && content !== undefined ? { id: prompt_id, content } : undefined
  return { spec, initialize_id, session, prompt }
}
