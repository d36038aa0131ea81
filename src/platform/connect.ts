import { closeSync } from 'node:fs'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import { addressOfForeign, isForeign } from './sockets.ts'

/**
 * Maximum time to connect, in ms. Within this machine, connecting takes longer only if the server accepts no
 * connections.
 */
const CONNECT_MS = 10_000

/**
 * Connects to a server. For `localhost`, tries 127.0.0.1 first and then [::1], regardless of the order in
 * which the system resolves the name.
 * @param hostname in the form of `URL`
 * @throws the system's error for the first address
 */
export async function connectTo(hostname: string, port: number, signal?: AbortSignal): Promise<Socket> {
  const host = hostname.replace(/^\[|\]$/g, '')
  const [first, ...others] = /(^|\.)localhost$/i.test(host) ? ['127.0.0.1', '::1'] : [host]
  try {
    return await connected({ host: first!, port }, signal)
  } catch (error) {
    for (const other of others)
      try {
        return await connected({ host: other, port }, signal)
      } catch {
        // The error of the first address is more informative.
      }
    throw error
  }
}

/**
 * Connects to a Unix socket. A socket in another user's folder must belong to that user.
 * @param address returns the path to connect to: a shorter path, in a folder of this user, if `path` is too
 * long for a socket
 * @throws the system's error
 */
export async function connectSocket(
  path: string,
  address: (path: string) => string,
  signal?: AbortSignal,
): Promise<Socket> {
  if (!isForeign(dirname(path))) return connected({ path: address(path) }, signal)
  const held = addressOfForeign(path)
  try {
    return await connected({ path: held }, signal)
  } finally {
    closeSync(Number(basename(held)))
  }
}

function connected(options: NetConnectOpts, signal: AbortSignal | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const socket = connect(options)
    const abort = () => socket.destroy(signal?.reason as Error)
    const settle = () => {
      signal?.removeEventListener('abort', abort)
      socket.setTimeout(0)
      socket.off('timeout', late).off('error', fail)
    }
    const late = () => socket.destroy(new Error('nothing accepts the connection'))
    const fail = (error: Error) => {
      settle()
      reject(error)
    }
    signal?.addEventListener('abort', abort, { once: true })
    socket.setTimeout(CONNECT_MS, late)
    socket.once('error', fail)
    socket.once('connect', () => {
      settle()
      // Ignore errors until the caller has added its own listener.
      socket.on('error', () => {})
      resolve(socket)
    })
  })
}
