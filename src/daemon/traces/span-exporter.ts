import type { Clock, Timer } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { pauseMs } from '../../platform/retry-after.ts'
import type { Span } from './span.ts'

/** Maximum number of spans that wait for the collector. */
const WAITING = 2000
/** Maximum number of spans in a request. */
const BATCH = 200
/** Time for which spans are collected into one request, in ms. */
const GATHER_MS = 5000
/** Shortest and longest pause after a request that failed, in ms. Each further failure doubles the pause. */
const RETRY_MS = { least: 1000, most: 60_000 }
/** Maximum time for which a stopping daemon waits for the collector, in ms. */
const LAST_MS = 2000
/** Minimum time between two warnings about the collector, in ms. */
const WARN_MS = 60_000

/** An answer of a collector. */
export interface CollectorAnswer {
  status: number
  /** Content of the header `Retry-After`. */
  retryAfter: string | undefined
}

export interface SpanExporterOptions {
  /** Sends spans to the collector. @throws if there is no answer */
  post(spans: readonly Span[], signal: AbortSignal): Promise<CollectorAnswer>
  clock: Clock
  logger: Logger
}

/**
 * Sends spans to a collector in the background. If the collector is slow or away, a bounded number of spans waits,
 * and further spans are dropped and counted.
 */
export class SpanExporter {
  readonly #options: SpanExporterOptions
  readonly #aborter = new AbortController()
  #waiting: Span[] = []
  #sending: Promise<void> | undefined
  #timer: Timer | undefined
  #failures = 0
  #dropped = 0
  #warnedAt = -WARN_MS

  constructor(options: SpanExporterOptions) {
    this.#options = options
  }

  /** Number of spans that were dropped. */
  get dropped() {
    return this.#dropped
  }

  add(spans: readonly Span[]) {
    const room = Math.max(0, WAITING - this.#waiting.length)
    this.#waiting.push(...spans.slice(0, room))
    this.#drop(spans.length - room, 'the collector does not keep up')
    if (this.#waiting.length > 0) this.#later(GATHER_MS)
  }

  /** Sends the remaining spans, unless the collector is away, and ends all requests. */
  async close(): Promise<void> {
    const { clock } = this.#options
    const limit = clock.setTimeout(() => this.#aborter.abort(), LAST_MS)
    this.#unschedule()
    await this.#sending
    while (this.#waiting.length > 0 && this.#failures === 0 && !this.#aborter.signal.aborted)
      await this.#send()
    clock.clearTimeout(limit)
    this.#aborter.abort()
    this.#unschedule()
  }

  #later(ms: number) {
    const { clock } = this.#options
    if (this.#timer || this.#sending || this.#aborter.signal.aborted) return
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined
      this.#sending = this.#send().finally(() => {
        this.#sending = undefined
        if (this.#waiting.length > 0) this.#later(this.#pause)
      })
    }, ms)
    this.#timer.unref()
  }

  #unschedule() {
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #pause = 0

  async #send(): Promise<void> {
    const { post, clock } = this.#options
    const batch = this.#waiting.slice(0, BATCH)
    const answer = await post(batch, this.#aborter.signal).catch((error: Error) => error)
    if (answer instanceof Error || isTemporary(answer.status)) {
      const least = Math.min(RETRY_MS.least * 2 ** this.#failures++, RETRY_MS.most)
      const wanted = answer instanceof Error ? undefined : answer.retryAfter
      this.#pause = pauseMs(wanted, { least, most: RETRY_MS.most }, clock.now())
      return
    }
    this.#waiting.splice(0, batch.length)
    this.#failures = 0
    this.#pause = 0
    if (answer.status >= 300) this.#drop(batch.length, `the collector answered with status ${answer.status}`)
  }

  #drop(count: number, why: string) {
    const { clock, logger } = this.#options
    if (count <= 0) return
    this.#dropped += count
    if (clock.monotonic() - this.#warnedAt < WARN_MS) return
    this.#warnedAt = clock.monotonic()
    logger.warn({ dropped: this.#dropped }, `spans were dropped: ${why}`)
  }
}

/** Reports whether a later attempt may succeed. */
const isTemporary = (status: number) => status === 429 || status === 502 || status === 503 || status === 504
