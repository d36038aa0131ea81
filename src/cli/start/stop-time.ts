import { isKept } from '../container/main-process.ts'

/** Time from SIGTERM to SIGKILL in Docker, in seconds. Other container managers allow more. */
const CONTAINER_S = 10
/** Default `kill_timeout` of PM2, in ms. */
const PM2_MS = 1600

/**
 * Returns the time, in seconds, that the container manager or PM2 allows this process for a whole stop, if it
 * is known. A setting of the daemon overrides this time.
 */
export function stopTime({ pm_id, PM2_HOME, kill_timeout, ...env }: NodeJS.ProcessEnv): {
  stop_within_s?: number
} {
  // If `keep.sh` runs in a systemd unit, the unit's longer time limit applies.
  if (isKept(env) && env.SYSTEMD_EXEC_PID === undefined) return { stop_within_s: CONTAINER_S }
  if (pm_id === undefined || PM2_HOME === undefined) return {}
  const ms = Number(kill_timeout ?? PM2_MS)
  return ms >= 0 ? { stop_within_s: ms / 1000 } : {}
}
