import { configuredOwners } from '../../config/config.ts'
import { stateDir } from '../../config/paths.ts'
import { type OwnerRules, serversFile } from '../../config/server-owner.ts'
import { type Way, wayTo } from '../../config/way-here.ts'
import { clean } from '../render/clean.ts'
import { note } from '../terminal.ts'

export interface Reached {
  /** The Unix socket of a hub on this machine. */
  socket?: string | undefined
  /** uid of the hub's user, where the key is that of its own folder, and nobody else's. */
  owner?: number | undefined
  signal?: AbortSignal | undefined
  /** Of a server that is only shown what is good once, nothing is written down. */
  enrolling?: Pick<OwnerRules, 'enrolled' | 'shown'> | undefined
}

/** How a command reaches a hub, which is shown a key or a token. @throws UserError */
export const wayOfCommand = (url: string, { socket, owner, signal, enrolling }: Reached): Promise<Way> =>
  wayTo(url, {
    socket,
    signal,
    rules: async () => ({
      file: serversFile(stateDir(process.env)),
      ...(await configuredOwners(process.env)),
      ...(enrolling && { looksOnly: true, ...enrolling }),
      ...(owner === undefined ? { notice } : { owner }),
    }),
  })

const said = new Set<string>()

/** Once: some commands connect several times. */
function notice(text: string) {
  if (!said.has(text)) note(clean(text))
  said.add(text)
}
