import type { IncomingMessage } from 'node:http'
import type { RequestOptions } from 'node:https'

/** Options of a request, including the route to its target: a connection agent, a connection, or a socket. */
export interface Call extends RequestOptions {
  body?: string | Uint8Array | undefined
}

/**
 * A request that was answered or has failed. The query, headers, and body are omitted, because they may
 * contain secrets.
 */
export interface SeenRequest {
  method: string
  path: string
  /** HTTP status; undefined if there was no answer. */
  status: number | undefined
  /** Time until the response headers arrived, in ms. */
  ms: number
}

let seen: ((request: SeenRequest) => void) | undefined

/** Calls `watch` for each request of this process. */
export function watchRequests(watch: (request: SeenRequest) => void) {
  seen = watch
}

/** Error of a call: the other side sent nothing during the call's `timeout`. */
export class Silence extends Error {
  constructor(ms: number) {
    super(`no data for ${ms / 1000} s`)
    this.name = 'Silence'
  }
}

/** Error of a call: the answer is longer than the caller accepts. */
export class TooLong extends Error {
  constructor(bytes: number) {
    super(`its answer is longer than ${bytes} bytes`)
    this.name = 'TooLong'
  }
}

/**
 * Sends one HTTP request and returns the answer with its body unread. Does not follow redirects. Does not use
 * `fetch`: on Node 20 and 22, the signal of `fetch` no longer aborts the body after the request was
 * garbage-collected.
 * @throws Silence, or the system's error
 */
export async function send(url: string | URL, { body, ...options }: Call): Promise<IncomingMessage> {
  const secure = (options.protocol ?? new URL(url).protocol) === 'https:'
  const start = process.uptime()
  const tell = (status?: number) => {
    const ms = Math.round((process.uptime() - start) * 1000)
    const [path = ''] = (options.path ?? new URL(url).pathname).split('?')
    seen?.({ method: options.method ?? 'GET', path, status, ms })
  }
  const { request: open } = await (secure ? import('node:https') : import('node:http'))
  return new Promise((resolve, reject) => {
    let answer: IncomingMessage | undefined
    const request = open(url, options, (response) => {
      answer = response
      tell(response.statusCode)
      resolve(response)
    })
    request.on('timeout', () => request.destroy(new Silence(options.timeout ?? 0)))
    request.on('error', (error) => {
      // The reader of the body gets this error as the reason why the body is incomplete.
      answer?.destroy(error)
      if (!answer) tell()
      reject(error)
    })
    request.end(body)
  })
}

/**
 * Reads the whole body as text.
 * @param most maximum length, in bytes
 * @param signal the signal of the request
 * @throws TooLong, Silence, the signal's reason, or the error of an incomplete body
 */
export async function textOf(
  response: IncomingMessage,
  { most, signal }: { most: number; signal?: AbortSignal },
): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > most) throw new TooLong(most)
      chunks.push(chunk)
    }
  } catch (error) {
    // After an abort, Node reports that the peer has reset the connection.
    throw signal?.aborted ? signal.reason : error
  }
  return Buffer.concat(chunks).toString('utf8')
}
