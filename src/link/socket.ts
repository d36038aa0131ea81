import type { Agent as HttpAgent } from 'node:http'
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { readPem } from '../platform/read-at-most.ts'
import { trust } from '../platform/trust.ts'
import { Limits } from '../protocol/index.ts'

/** From dialing to the server's welcome. */
export const GREETING_MS = 15_000

/**
 * Time for a server to end its TCP connection behind a close frame, in ms, and WebSocket pings that may wait for their
 * pongs to be sent. Missing in the types of ws.
 */
const PATIENCE: object = { closeTimeout: 1000, maxPendingAutoPongs: 1000 }

/** How the server is reached, where not directly. */
export interface Way {
  /** For the url's proxy. */
  agent?: HttpAgent
  /** Returns a connection that is there already. */
  createConnection?(): Socket
}

export interface SocketOptions {
  url: string
  key: string
  userAgent: string
  way: Way
  /** PEM of a private certificate authority. */
  caFile: string | undefined
}

/** Begins to open the connection. @throws the system's error where `caFile` cannot be read */
export const openSocket = ({ url, key, userAgent, way, caFile }: SocketOptions): WebSocket =>
  new WebSocket(url, {
    headers: { authorization: `Bearer ${key}`, 'user-agent': userAgent },
    maxPayload: Limits.frame_bytes,
    perMessageDeflate: false,
    handshakeTimeout: GREETING_MS,
    followRedirects: false,
    ...PATIENCE,
    ...way,
    ...trust(url, caFile === undefined ? undefined : readPem(caFile)),
  })
