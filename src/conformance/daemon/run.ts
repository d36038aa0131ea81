import { judge, type Verdict } from '../point.ts'
import { Host } from './host.ts'
import { daemonPoints } from './points.ts'

/** Maximum duration of a run, in ms, beside the time to wait for the daemon and the point it ends in. */
const WHOLE_MS = 4 * 60_000

export interface HostOptions {
  /** 0 for any that is free. */
  port: number
  key: string
  /** Time to wait for the daemon, in ms. */
  waitMs: number
  /** Told where the daemon is to connect to. */
  listening(url: string): void
}

/**
 * Plays a server against the first daemon that connects, and says of each rule of the protocol page whether the daemon
 * keeps to it. Starts, changes and removes no agent.
 * @throws the system's error where the port cannot be had
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
