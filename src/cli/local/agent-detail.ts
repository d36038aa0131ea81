import { stateDir, statePaths } from '../../config/paths.ts'
import type { AgentDetail } from '../client/control-client.ts'
import { isNamed } from './choose.ts'

/**
 * Returns details from this machine's daemon. The agent must run on this machine, and this user must have
 * access to the daemon.
 */
export async function detailHere(agentId: string, machineId: string): Promise<AgentDetail | undefined> {
  const [{ findDaemons, findDaemon }, { ControlClient }] = await Promise.all([
    import('../../service/find-daemons.ts'),
    import('../client/control-client.ts'),
  ])
  const { env } = process
  const named = isNamed(undefined, env) ? [await findDaemon(env, stateDir(env))] : await findDaemons(env)
  for (const daemon of named) {
    if (!daemon?.running || !daemon.usable) continue
    const control = new ControlClient(statePaths(daemon.state_dir).socket)
    const status = await control.glance()
    if (status?.machine_id !== machineId) continue
    // A daemon of an older version does not know this request.
    return control.agent(agentId).catch(() => undefined)
  }
  return undefined
}
