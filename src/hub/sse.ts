import type { ServerResponse } from 'node:http'
import { setImmediate as others } from 'node:timers/promises'
import type { Follower } from './gate/followers.ts'
import { shown } from './shown.ts'

/** So that both ends, and proxies between them, notice a dead connection. */
const HEARTBEAT_MS = 15_000

/** Wakes whoever waits for something to show. */
export class Bell {
  #rung = false
  #wake: (() => void) | undefined

  ring = () => {
    this.#rung = true
    this.#wake?.()
  }

  /** @returns whether it was rung since the last call, within `ms` */
  async rung(ms: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#rung && !signal.aborted)
      await new Promise<void>((resolve) => {
        const finish = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', finish)
          this.#wake = undefined
          resolve()
        }
        const timer = setTimeout(finish, ms)
        signal.addEventListener('abort', finish)
        this.#wake = finish
      })
    const rung = this.#rung
    this.#rung = false
    return rung
  }
}

/** A comment: clients pass over it. */
export const KEEP_ALIVE = ':\n\n'

export const message = (event: string, data: unknown, id?: string) =>
  `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`

export interface EventSource {
  bell: Bell
  follower: Follower
  /** The messages to show now; undefined when there never will be any. */
  next(): Promise<Iterable<string> | undefined>
  release(): void
}

/**
 * Server-sent events, written by hand: a stream of the web's kind would keep some of what was taken. `next` is asked only
 * when the client has taken what came before, and there is memory for more.
 */
export function eventStream(source: EventSource): Response {
  const { response } = source.follower
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // Proxies such as nginx would hold events back.
    'x-accel-buffering': 'no',
  })
  if (response.req.method === 'HEAD') {
    source.release()
    response.end()
  } else {
    response.flushHeaders()
    void write(source)
  }
  return new Response(null, { headers: ALREADY_SENT })
}

/** For the adapter between hono and Node, which has nothing to send then. */
const ALREADY_SENT = { 'x-hono-already-sent': 'true' }

async function write({ bell, follower, next, release }: EventSource) {
  const { response } = follower
  const read = async () => {
    const messages = await next()
    return messages && shown(messages)
  }
  const left = new AbortController()
  response.once('close', () => left.abort())
  // One that has gone before the stream began says so to nobody.
  while (!left.signal.aborted && !response.destroyed) {
    // A client that takes all at once would keep this process from everything else.
    await others()
    const text = await follower.next(read).catch(() => undefined)
    if (left.signal.aborted) break
    if (!text) {
      response.end()
      break
    }
    if (text.length > 0) await taken(response, text, left.signal)
    else if (!(await bell.rung(HEARTBEAT_MS, left.signal))) await taken(response, KEEP_ALIVE, left.signal)
  }
  release()
}

/** Resolves when what is written has left this process, or nobody is there to take it. */
async function taken(response: ServerResponse, text: string | Buffer, left: AbortSignal) {
  if (left.aborted || response.write(text)) return
  await new Promise<void>((resolve) => {
    const finish = () => {
      response.off('drain', finish)
      left.removeEventListener('abort', finish)
      resolve()
    }
    response.once('drain', finish)
    left.addEventListener('abort', finish)
  })
}
