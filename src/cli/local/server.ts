import { statePaths } from '../../config/paths.ts'
import { isElsewhere } from '../../config/server-url.ts'
import { configuredServer } from '../../config/single-settings.ts'
import { ControlClient } from '../client/control-client.ts'
import { nearest } from './choose.ts'

/**
 * Returns the remote server that this machine works for. Asks the daemon that runs here; without a daemon,
 * reads the configuration.
 */
export async function serverOf(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const { findDaemons } = await import('../../service/find-daemons.ts')
  const running = nearest((await findDaemons(env)).filter((each) => each.running && each.usable))
  const asked = running.map(({ state_dir }) => new ControlClient(statePaths(state_dir).socket).glance())
  const urls = (await Promise.all(asked)).flatMap((status) => status?.server_url ?? [])
  const configured = urls.length > 0 ? [] : [await configuredServer(env)]
  return [...urls, ...configured].find((url) => url !== undefined && isElsewhere(url))
}
