import { type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { trust } from '../../platform/trust.ts'
import { connectPinned } from './pinned.ts'
import { wayOfCommand } from './way.ts'

export interface Call {
  method: string
  headers: Record<string, string>
  body?: string | undefined
  /** Aborts the request, and the reading of its answer. */
  signal: AbortSignal
  /** The Unix socket of a hub on this machine. */
  socket?: string | undefined
  /** uid of the hub's user, if the key comes from the hub's own folder. */
  owner?: number | undefined
  /**
   * Fingerprint of the only certificate to accept, instead of checking it against certificate authorities.
   */
  fingerprint256?: string | undefined
}

/**
 * Sends one HTTP request and returns the answer with its body unread. Does not follow redirects.
 * Does not use `fetch`: on Node 20 and 22 its signal no longer aborts the body once the request
 * has been garbage-collected.
 */
export async function send(
  url: string,
  { method, headers, body, signal, fingerprint256, socket, owner }: Call,
): Promise<IncomingMessage> {
  const pinned = fingerprint256 === undefined ? undefined : await connectPinned(url, fingerprint256, signal)
  const way = pinned ? { createConnection: () => pinned } : await wayOfCommand(url, { socket, owner, signal })
  return new Promise((resolve, reject) => {
    const options = {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }) },
      signal,
      ...way,
      ...(way.createConnection ? {} : trust(url)),
    }
    const request = (url.startsWith('https:') ? requestTls : requestPlain)(url, options, resolve)
    request.on('error', reject)
    request.end(body)
  })
}

/**
 * Reads the whole body as text.
 * @param signal the signal of the request
 * @throws if the body is incomplete, or longer than `most` bytes
 */
export async function textOf(
  response: IncomingMessage,
  { most, signal }: { most: number; signal: AbortSignal },
): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > most) throw new Error(`its answer is longer than ${most} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    // After an abort, Node reports that the peer has reset the connection.
    throw signal.aborted ? signal.reason : error
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Yields the body as it arrives, until it ends or the connection breaks. */
export async function* bodyOf(response: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    yield* response as AsyncIterable<Buffer>
  } catch {
    // The caller reconnects in the same way after a broken connection as after a closed one.
  }
}
