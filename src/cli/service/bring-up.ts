import { statePaths } from '../../config/paths.ts'
import { sleep } from '../../platform/clock.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { readJson } from '../../platform/files.ts'
import { isAlive, ProcessIdentity } from '../../platform/process-identity.ts'
import { VERSION } from '../../platform/version.ts'
import type { At, Manager, Status } from '../../service/manager.ts'
import { perform } from '../../service/steps.ts'
import { ControlClient } from '../client/control-client.ts'
import { restartDaemon } from '../restart.ts'

/** Maximum wait for a start, in ms: a daemon that cannot reach its server counts as started after 20 s. */
const STARTED_MS = 30_000
const POLL_MS = 100

/** Refuses a state folder that another daemon uses: the service could not start. @throws UserError */
export function checkFree(stateDir: string, before: Status) {
  const holder = readJson(statePaths(stateDir).lock, ProcessIdentity)
  if (!holder.ok || !isAlive(holder.value) || holder.value.pid === before.pid) return
  throw new UserError(
    'already_running',
    `A daemon that does not belong to this service is running on ${stateDir}: process ${holder.value.pid}.`,
    {
      remedy: `Stop that daemon first: fomular-daemon stop --state-dir ${stateDir}`,
      exitCode: EXIT.refused,
    },
  )
}

/** Reports whether the version of the running daemon differs from the version of this program. */
export async function isOutdated(stateDir: string): Promise<boolean> {
  const status = await new ControlClient(statePaths(stateDir).socket).status().catch(() => undefined)
  return status !== undefined && status.version !== VERSION
}

/** Stops a service and starts it again. @returns its new status */
export async function stopAndStart(manager: Manager, at: At): Promise<Status> {
  for (const step of [...manager.stop(at), ...manager.start(at)]) await perform(step)
  return manager.status(at)
}

/**
 * Makes a running service restart its daemon while agents keep running.
 * @returns the new status of the service @throws UserError if the service does not start
 */
export async function restartDaemonOf(manager: Manager, at: At, stateDir: string): Promise<Status> {
  const look = async () => {
    const status = await manager.status(at)
    if (!status.failed) return status
    throw new UserError('service_failed', `${at.name} did not start again: ${status.state}.`, {
      remedy:
        'For the reason: fomular-daemon service logs. The next start takes over the agents that still run, and resumes the agents that the service has ended.',
    })
  }
  await restartDaemon(new ControlClient(statePaths(stateDir).socket), async () => void (await look()))
  // The daemon answers shortly before it is connected. systemd considers the daemon started only when it is
  // connected.
  const deadline = Date.now() + STARTED_MS
  let status = await look()
  while (!status.running && Date.now() < deadline) {
    await sleep(POLL_MS)
    status = await look()
  }
  return status
}
