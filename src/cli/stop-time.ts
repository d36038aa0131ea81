import { isKept } from './container/main-process.ts'

/** Docker's, from the first signal to SIGKILL; others leave more. */
const CONTAINER_S = 10
/** Pm2's own `kill_timeout`, ms. */
const PM2_MS = 1600

/**
 * Time for a whole stop, in seconds, that is left by what stops this process, as far as that is known. Nobody has set it
 * for the daemon itself.
 */
export function stopTime({ pm_id, PM2_HOME, kill_timeout, ...env }: NodeJS.ProcessEnv): {
  stop_within_s?: number
} {
  // A unit of systemd that is kept has its own, longer time.
  if (isKept(env) && env.SYSTEMD_EXEC_PID === undefined) return { stop_within_s: CONTAINER_S }
  if (pm_id === undefined || PM2_HOME === undefined) return {}
  const ms = Number(kill_timeout ?? PM2_MS)
  return ms >= 0 ? { stop_within_s: ms / 1000 } : {}
}
