import { Agent } from 'node:http'
import type { Socket } from 'node:net'
import type { Route } from '../../config/route-to-server.ts'
import { type Reached, routeOfCommand } from './route.ts'

/**
 * Returns a function like `routeOfCommand` that keeps connections to a hub open for further requests. A
 * connection is checked once, before its first request.
 */
export function keptRoute(): typeof routeOfCommand {
  let kept: Agent | undefined
  const checked: Socket[] = []
  return async (url: string, reached: Reached): Promise<Route> => {
    if (kept) return { agent: kept }
    const route = await routeOfCommand(url, reached)
    if (!route.createConnection) return route
    checked.push(route.createConnection())
    kept ??= agentOver(async () => checked.pop() ?? connect(url, { ...reached, signal: undefined }))
    return { agent: kept }
  }
}

/** @throws Error if the hub is no longer reached directly */
async function connect(url: string, reached: Reached): Promise<Socket> {
  const { createConnection } = await routeOfCommand(url, reached)
  if (createConnection) return createConnection()
  throw new Error('the way to the hub has changed')
}

function agentOver(connect: () => Promise<Socket>): Agent {
  const agent = new Agent({ keepAlive: true })
  agent.createConnection = (_, done) => {
    connect().then(
      (socket) => done?.(null, socket),
      (error) => done?.(error, undefined as never),
    )
    return undefined
  }
  return agent
}
