import type { Agent } from 'node:http'
import type { Socket } from 'node:net'
import { connectSocket, connectTo } from '../platform/connect.ts'
import { ownerOfPeer } from '../platform/peer-owner.ts'
import { fromHere } from './hub.ts'
import { socketAddress } from './paths.ts'
import { checkOwner, type OwnerRules } from './server-owner.ts'
import { isLoopback } from './server-url.ts'

/** The route to a server that is not reached directly: an existing connection, or a proxy. */
export interface Route {
  createConnection?: () => Socket
  agent?: Agent
}

export interface RouteOptions {
  /** Unix socket that the server also listens on. */
  socket?: string | undefined
  rules(): OwnerRules | Promise<OwnerRules>
  signal?: AbortSignal | undefined
}

/**
 * Connects to a server. If the other end is on this machine, checks which user runs it before anything is
 * sent. With TLS, the certificate identifies the server instead.
 * @throws UserError if another user runs the server; the system's error if the connection fails
 */
export async function routeToServer(url: string, { socket, rules, signal }: RouteOptions): Promise<Route> {
  if (socket !== undefined)
    try {
      return over(await connectSocket(socket, socketAddress, signal))
    } catch {
      // An older version of the hub has no socket in its folder.
      signal?.throwIfAborted()
    }
  const { protocol, hostname, port } = new URL(fromHere(url))
  const secure = /^(wss|https):$/.test(protocol)
  const agent = secure || !isLoopback(hostname) ? await proxyTo(url) : undefined
  if (agent) return { agent }
  if (secure) return {}
  const connection = await connectTo(hostname, Number(port || 80), signal)
  try {
    const uid = await ownerOfPeer(connection)
    if (uid !== undefined) checkOwner(uid, url, await rules())
    return over(connection)
  } catch (error) {
    connection.destroy()
    throw error
  }
}

async function proxyTo(url: string): Promise<Agent | undefined> {
  const { proxyAgent } = await import('../platform/proxy.ts')
  return proxyAgent(url, process.env)
}

const over = (connection: Socket): Route => ({ createConnection: () => connection })
