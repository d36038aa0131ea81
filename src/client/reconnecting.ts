import type { SseMessage } from './sse.ts'
import { pause } from './until-aborted.ts'

/**
 * Interval between attempts to reconnect, in ms. The first interval is short, because the usual cause is a
 * restart of the hub.
 */
const RETRY_MS = { first: 250, most: 5000 }

export interface ReconnectOptions {
  signal: AbortSignal
  /**
   * Called with the problem when the connection to the hub is lost, and with `undefined` when it is restored.
   */
  connection(problem: Error | undefined): void
  /** Codes of failures that end the stream, if the hub was reached before. */
  ends?: readonly string[]
}

/**
 * Opens a stream. The stream begins after the last message that the caller knows.
 * @param arrived must be called when the hub answers, and whenever the hub has sent something
 */
export type OpenStream = (arrived: () => void) => AsyncGenerator<SseMessage>

/**
 * Yields the messages of a stream, and opens the stream again when the connection is lost. Ends when `signal`
 * aborts.
 * @throws the failure if the hub cannot be reached the first time, or if the hub refuses the stream
 */
export async function* reconnecting(
  open: OpenStream,
  { signal, connection, ends = [] }: ReconnectOptions,
): AsyncGenerator<SseMessage> {
  let reached = false
  let lost = false
  for (let wait = RETRY_MS.first; !signal.aborted; wait = Math.min(wait * 2, RETRY_MS.most)) {
    let problem: Error | undefined
    const arrived = () => {
      reached = true
      wait = RETRY_MS.first
      if (lost) connection(undefined)
      lost = false
    }
    try {
      yield* open(arrived)
    } catch (error) {
      if (signal.aborted) return
      const code = codeOf(error)
      if (reached && ends.includes(code)) return
      if (!reached || code !== 'hub_unreachable') throw error
      problem = error as Error
    }
    if (signal.aborted) return
    if (!lost && problem) {
      lost = true
      connection(problem)
    }
    await pause(wait, signal)
  }
}

/** Returns the code of a HubFailure, or of the error that `errorFor` returned for it. */
const codeOf = (error: unknown): string =>
  error instanceof Error ? String((error as Error & { code?: unknown }).code) : ''
