import { type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { trust } from '../../platform/trust.ts'
import { connectPinned } from './pinned.ts'
import { wayOfCommand } from './way.ts'

export interface Call {
  method: string
  headers: Record<string, string>
  body?: string | undefined
  /** Ends the request, and the answer while it is read. */
  signal: AbortSignal
  /** The Unix socket of a hub on this machine. */
  socket?: string | undefined
  /** uid of the hub's user, where the key is that of its own folder. */
  owner?: number | undefined
  /** The fingerprint of the only certificate that will do, in place of what vouches for certificates elsewhere. */
  fingerprint256?: string | undefined
}

/**
 * Sends one HTTP request; the answer's body is still to be read. Redirects are not followed. Not `fetch`: on Node 20 and
 * 22 its signal no longer reaches an answer's body once the request has been garbage-collected.
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
 * The whole body as text.
 * @param signal the request's
 * @throws where it breaks off, or is longer than `most` bytes
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
    // Node says of such an answer that the other side has reset the connection.
    throw signal.aborted ? signal.reason : error
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The body as it comes, until it ends or breaks off. */
export async function* bodyOf(response: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    yield* response as AsyncIterable<Buffer>
  } catch {
    // A hub that is killed and one that closes the connection are followed again in the same way.
  }
}
