import type { ServerResponse } from 'node:http'
import { setImmediate as others } from 'node:timers/promises'
import type { Clock } from '../../platform/clock.ts'
import type { Follower } from '../gate/followers.ts'
import { shown } from '../registry/client-json.ts'
import { alreadySent, beginStream, KEEP_ALIVE } from './sse.ts'

/**
 * Interval between keep-alive messages, in milliseconds. With these messages, both ends and proxies detect a
 * dead connection.
 */
const HEARTBEAT_MS = 15_000

/** Wakes a stream that waits for something to send. */
export class WakeUp {
  readonly #clock: Clock
  #rung = false
  #wake: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  ring = () => {
    this.#rung = true
    this.#wake?.()
  }

  /** Waits up to `ms` until the bell rings. @returns true if it has rung since the last call */
  async rung(ms: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#rung && !signal.aborted)
      await new Promise<void>((resolve) => {
        const finish = () => {
          this.#clock.clearTimeout(timer)
          signal.removeEventListener('abort', finish)
          this.#wake = undefined
          resolve()
        }
        const timer = this.#clock.setTimeout(finish, ms)
        signal.addEventListener('abort', finish)
        this.#wake = finish
      })
    const rung = this.#rung
    this.#rung = false
    return rung
  }
}

export interface EventSource {
  bell: WakeUp
  follower: Follower
  /** Returns the messages to send now, or undefined at the end of the stream. */
  next(): Promise<Iterable<string> | undefined>
  release(): void
}

/**
 * Sends server-sent events. Calls `next` only once the client has received the previous messages and there is
 * memory for more.
 */
export function eventStream(source: EventSource): Response {
  if (beginStream(source.follower.response)) void write(source)
  else source.release()
  return alreadySent()
}

async function write({ bell, follower, next, release }: EventSource) {
  const { response } = follower
  const read = async () => {
    const messages = await next()
    return messages && shown(messages)
  }
  const left = new AbortController()
  response.once('close', () => left.abort())
  // The check of `destroyed` finds clients that disconnected before the listener was added.
  while (!left.signal.aborted && !response.destroyed) {
    // Yield to other requests: otherwise, a fast reader would keep this process busy.
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

/** Writes the text. Resolves when the text has left this process or the client has disconnected. */
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
