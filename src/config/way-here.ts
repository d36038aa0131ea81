import type { Agent } from 'node:http'
import type { Socket } from 'node:net'
import { connectSocket, connectTo } from '../platform/connect-here.ts'
import { ownerOfPeer } from '../platform/peer-owner.ts'
import { proxyAgent } from '../platform/proxy.ts'
import { fromHere } from './hub.ts'
import { socketAddress } from './paths.ts'
import { checkOwner, type OwnerRules } from './server-owner.ts'
import { isLoopback } from './server-url.ts'

/** How a server is reached, where not directly: over a connection that is there already, or a proxy. */
export interface Way {
  createConnection?: () => Socket
  agent?: Agent
}

export interface WayOptions {
  /** The Unix socket that the server listens on as well. */
  socket?: string | undefined
  rules(): OwnerRules | Promise<OwnerRules>
  signal?: AbortSignal | undefined
}

/**
 * Makes the connection to a server, and where its other end is on this machine, sees who is there before anything is sent.
 * Over TLS, the server's certificate says that.
 * @throws UserError where that is the wrong user; the system's error
 */
export async function wayTo(url: string, { socket, rules, signal }: WayOptions): Promise<Way> {
  if (socket !== undefined)
    try {
      return over(await connectSocket(socket, socketAddress, signal))
    } catch {
      // A hub of an older version, on the same folder, has none.
      signal?.throwIfAborted()
    }
  const { protocol, hostname, port } = new URL(fromHere(url))
  const secure = /^(wss|https):$/.test(protocol)
  const agent = secure || !isLoopback(hostname) ? await proxyAgent(url, process.env) : undefined
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

const over = (connection: Socket): Way => ({ createConnection: () => connection })
