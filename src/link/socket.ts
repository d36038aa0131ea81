import type { Agent as HttpAgent } from 'node:http'
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { readPem } from '../platform/read-at-most.ts'
import { trust } from '../platform/trust.ts'
import { Limits } from '../protocol/index.ts'

/** Maximum time from dialing to the server's welcome, in ms. */
export const GREETING_MS = 15_000

/**
 * `closeTimeout`: maximum time in which a server must end its TCP connection after a close frame, in ms.
 * `maxPendingAutoPongs`: maximum number of WebSocket pings for which no pong was sent yet. The types of ws
 * lack both options.
 */
const PATIENCE: object = { closeTimeout: 1000, maxPendingAutoPongs: 1000 }

/** The route to the server, if it is not a direct connection. */
export interface Way {
  /** HTTP agent for the proxy of the URL. */
  agent?: HttpAgent
  /** Returns an established connection. */
  createConnection?(): Socket
}

export interface SocketOptions {
  url: string
  key: string
  userAgent: string
  way: Way
  /** Path of a PEM file with a private certificate authority. */
  caFile: string | undefined
}

/** Starts opening the connection. @throws the system error if `caFile` cannot be read */
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
