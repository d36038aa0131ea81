import type { HubClient } from '../../client/hub-client.ts'
import { HubFailure } from '../../client/hub-failure.ts'
import { pause } from '../../client/until-aborted.ts'
import type { Outcome } from '../../protocol/hub-objects.ts'

/** Interval between requests, in milliseconds. */
const POLL_MS = 1000

interface OutcomeOptions {
  signal: AbortSignal
  /** Called with each answer of a command that is still pending. */
  onPending?: (outcome: Outcome) => void
}

/**
 * Waits for the outcome of a command, also while the hub does not answer.
 * @returns the last answer if `signal` aborts
 * @throws HubFailure if the command failed
 */
export async function outcomeOf(
  hub: Pick<HubClient, 'outcome'>,
  commandId: string,
  { signal, onPending }: OutcomeOptions,
): Promise<Outcome | undefined> {
  for (;;) {
    const outcome = await hub.outcome(commandId, 0).catch((error) => {
      if (error instanceof HubFailure && error.kind === 'unreachable') return undefined
      throw error
    })
    if (signal.aborted || (outcome && outcome.state !== 'pending')) return outcome
    if (outcome) onPending?.(outcome)
    await pause(POLL_MS, signal)
  }
}
