import { configuredServerUser } from '../../config/config.ts'
import { stateDir } from '../../config/paths.ts'
import { serversFile } from '../../config/server-owner.ts'
import { type Way, wayTo } from '../../config/way-here.ts'
import { clean } from '../render/clean.ts'
import { note } from '../terminal.ts'

export interface Reached {
  /** The Unix socket of a hub on this machine. */
  socket?: string | undefined
  /** uid of the hub's user, where the key is that of its own folder, and nobody else's. */
  owner?: number | undefined
  signal?: AbortSignal | undefined
  /** A server of this user or root is not written down: what is shown to it is good once. */
  looksOnly?: boolean
}

/** How a command reaches a hub, which is shown a key or a token. @throws UserError */
export const wayOfCommand = (
  url: string,
  { socket, owner, signal, looksOnly = false }: Reached,
): Promise<Way> =>
  wayTo(url, {
    socket,
    signal,
    rules: async () => ({
      file: serversFile(stateDir(process.env)),
      user: await configuredServerUser(process.env),
      looksOnly,
      ...(owner === undefined ? { notice: (text) => note(clean(text)) } : { owner }),
    }),
  })
