import { closeSync } from 'node:fs'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import { addressOfForeign, isForeign } from './sockets.ts'

/** For a connection: within this machine, it takes longer only where its server does not take any. */
const CONNECT_MS = 10_000

/**
 * Connects to a server. `localhost` is 127.0.0.1, and [::1] only where nobody listens on that: the order
 * in which the system resolves the name is not asked for.
 * @param hostname as `URL` gives it
 * @throws the system's error of the first address
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
        // The first one's says more.
      }
    throw error
  }
}

/**
 * Connects to a Unix socket. In another user's folder it must be that user's.
 * @param address what leads to it in a folder of this user's: a shorter name for a long path
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
    const late = () => socket.destroy(new Error('nobody takes the connection'))
    const fail = (error: Error) => {
      settle()
      reject(error)
    }
    signal?.addEventListener('abort', abort, { once: true })
    socket.setTimeout(CONNECT_MS, late)
    socket.once('error', fail)
    socket.once('connect', () => {
      settle()
      // Until it has an owner.
      socket.on('error', () => {})
      resolve(socket)
    })
  })
}
