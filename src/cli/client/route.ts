import { stateDir } from '../../config/paths.ts'
import { type Route, routeToServer } from '../../config/route-to-server.ts'
import { type OwnerRules, serversFile } from '../../config/server-owner.ts'
import { clean } from '../render/clean.ts'
import { note } from '../terminal.ts'

export interface Reached {
  /** The Unix socket of a hub on this machine. */
  socket?: string | undefined
  /** uid of the only user who may run the hub. Set if the key comes from the hub's own folder. */
  owner?: number | undefined
  signal?: AbortSignal | undefined
  /**
   * Set while enrolling. The owner of the server is then checked, but not recorded for later requests,
   * because the token is valid only once.
   */
  enrolling?: Pick<OwnerRules, 'enrolled' | 'shown'> | undefined
}

/**
 * Returns the transport for a command's requests to a hub. The requests carry a key or a token.
 * @throws UserError
 */
export const routeOfCommand = (url: string, { socket, owner, signal, enrolling }: Reached): Promise<Route> =>
  routeToServer(url, {
    socket,
    signal,
    rules: async () => {
      const { configuredOwners } = await import('../../config/single-settings.ts')
      return {
        file: serversFile(stateDir(process.env)),
        ...(await configuredOwners(process.env)),
        ...(enrolling && { looksOnly: true, ...enrolling }),
        ...(owner === undefined ? { notice } : { owner }),
      }
    },
  })

const said = new Set<string>()

/** Prints each notice once: some commands connect several times. */
function notice(text: string) {
  if (!said.has(text)) note(clean(text))
  said.add(text)
}
