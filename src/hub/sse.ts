import type { Follower } from './gate/followers.ts'

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

export const message = (event: string, data: unknown, id?: string) =>
  `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`

export interface EventSource {
  bell: Bell
  follower: Follower
  /** What is to be shown now: '' if nothing is, undefined when nothing ever will be. */
  next(): Promise<string | undefined>
  release(): void
}

/** Server-sent events. `next` is asked only when the client has taken what came before, and there is memory for more. */
export function eventStream({ bell, follower, next, release }: EventSource): Response {
  const left = new AbortController()
  const end = () => {
    release()
    follower.close()
  }
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const text = await follower.next(next).catch(() => undefined)
          if (left.signal.aborted) return
          if (text === undefined) {
            end()
            return controller.close()
          }
          if (text !== '') return controller.enqueue(Buffer.from(text))
          const rung = await bell.rung(HEARTBEAT_MS, left.signal)
          if (left.signal.aborted) return
          if (!rung) return controller.enqueue(Buffer.from(':\n\n'))
        }
      },
      cancel() {
        left.abort()
        end()
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // Proxies such as nginx would hold events back.
      'x-accel-buffering': 'no',
    },
  })
}
