import type { Agent } from '../agents/agent.ts'
import type { ServerConnection } from '../link/server-connection.ts'

/** Returns the condition of a daemon as one line. */
export function conditionOf(
  url: string,
  link: Pick<ServerConnection, 'isUp' | 'info'>,
  all: Iterable<Agent>,
) {
  const { last_error } = link.info()
  const running = [...all].filter((agent) => !agent.hasEnded).length
  const agents = `${running} agent${running === 1 ? '' : 's'} running`
  return link.isUp
    ? { connected: true, text: `Connected to ${url}; ${agents}` }
    : { connected: false, text: `Not connected to ${url}: ${last_error ?? 'trying'}; ${agents}` }
}
