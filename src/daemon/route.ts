import type { DaemonConfig } from '../config/daemon-config.ts'
import { ownerOfKey } from '../config/hub.ts'
import type { StatePaths } from '../config/paths.ts'
import { type Route, routeToServer } from '../config/route-to-server.ts'
import { serversFile } from '../config/server-owner.ts'
import { UserError } from '../platform/errors.ts'
import type { Logger } from '../platform/log.ts'

/**
 * Returns the connection's route to the server. The message of an error includes the remedy, because only the
 * message is shown if the connection fails.
 */
export const routeOfLink =
  (
    { server_url, server_socket, server_user, enrolled_servers, key_file }: DaemonConfig,
    { dir }: StatePaths,
    logger: Logger,
  ) =>
  async (): Promise<Route> => {
    const owner = ownerOfKey(key_file)
    const known = owner === undefined ? { notice: (text: string) => logger.warn(text) } : { owner }
    const rules = () => ({ file: serversFile(dir), enrolled: enrolled_servers, user: server_user, ...known })
    try {
      return await routeToServer(server_url, { socket: server_socket, rules })
    } catch (error) {
      if (!(error instanceof UserError) || error.code !== 'server_foreign') throw error
      throw new Error(`${error.message} ${error.remedy}`, { cause: error })
    }
  }
