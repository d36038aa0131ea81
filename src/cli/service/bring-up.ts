import { statePaths } from '../../config/paths.ts'
import { sleep } from '../../platform/clock.ts'
import { UserError } from '../../platform/errors.ts'
import { readJson } from '../../platform/files.ts'
import { isAlive, ProcessIdentity } from '../../platform/process-identity.ts'
import { VERSION } from '../../platform/version.ts'
import type { At, Manager, Status } from '../../service/manager.ts'
import { perform } from '../../service/steps.ts'
import { ControlClient } from '../client/control-client.ts'
import { EXIT } from '../exit-codes.ts'
import { restartDaemon } from '../restart.ts'

/** Without its server a daemon counts as started after 20 s. */
const STARTED_MS = 30_000
const POLL_MS = 100

/** A daemon of somebody else on the state folder would keep the service's from starting. @throws UserError */
export function checkFree(stateDir: string, before: Status) {
  const holder = readJson(statePaths(stateDir).lock, ProcessIdentity)
  if (!holder.ok || !isAlive(holder.value) || holder.value.pid === before.pid) return
  throw new UserError(
    'already_running',
    `A daemon that is not this service's runs on ${stateDir}: process ${holder.value.pid}.`,
    {
      remedy: `Stop it first: fomular-daemon stop --state-dir ${stateDir}`,
      exitCode: EXIT.refused,
    },
  )
}

/** Whether the daemon that runs is of another version than this program. */
export async function isOutdated(stateDir: string): Promise<boolean> {
  const status = await new ControlClient(statePaths(stateDir).socket).status().catch(() => undefined)
  return status !== undefined && status.version !== VERSION
}

/** Stops a service and starts it again. @returns how it is then */
export async function startAnew(manager: Manager, at: At): Promise<Status> {
  for (const step of [...manager.stop(at), ...manager.start(at)]) await perform(step)
  return manager.status(at)
}

/**
 * Has a service that runs start its daemon anew, while agents run on.
 * @returns how it is then
 * @throws UserError when it does not start
 */
export async function renew(manager: Manager, at: At, stateDir: string): Promise<Status> {
  const look = async () => {
    const status = await manager.status(at)
    if (!status.failed) return status
    throw new UserError('service_failed', `${at.name} did not start again: ${status.state}.`, {
      remedy:
        'See why: fomular-daemon service logs. The next start takes over its agents, or resumes those that the service has ended.',
    })
  }
  await restartDaemon(new ControlClient(statePaths(stateDir).socket), async () => void (await look()))
  // The daemon answers a little before it is connected, which is when systemd calls it started.
  const deadline = Date.now() + STARTED_MS
  let status = await look()
  while (!status.running && Date.now() < deadline) {
    await sleep(POLL_MS)
    status = await look()
  }
  return status
}
