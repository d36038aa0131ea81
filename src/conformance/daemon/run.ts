import { judge, type Verdict } from '../point.ts'
import { Host } from './host.ts'
import { daemonPoints } from './points.ts'

/** Time after which a run checks no further point, in ms. The wait for the daemon does not count. */
const WHOLE_MS = 4 * 60_000

export interface HostOptions {
  /** Port to listen on; 0 for any free port. */
  port: number
  key: string
  /** Time to wait for the daemon, in ms. */
  waitMs: number
  /** Called with the URL that the daemon should connect to. */
  listening(url: string): void
}

/**
 * Plays a server against the first daemon that connects, and reports whether the daemon follows each rule of
 * the protocol page. Starts, changes and removes no agent.
 * @throws the system's error if the port is not available
 */
export async function judgeDaemon(
  { port, key, waitMs, listening }: HostOptions,
  tell: (verdict: Verdict) => void,
): Promise<{ url: string; verdicts: Verdict[] }> {
  const host = await Host.open(port, key, waitMs)
  const { url } = host
  try {
    listening(url)
    return { url, verdicts: await judge(daemonPoints, host, { wholeMs: WHOLE_MS + waitMs, tell }) }
  } finally {
    await host.close()
  }
}
