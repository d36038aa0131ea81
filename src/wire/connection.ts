import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import type { Clock, Timer } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { Limits, type Parsed, type ProtocolError } from '../protocol/index.ts'
import { logFrame } from './frame-log.ts'
import { GatheredWrites } from './gathered-writes.ts'
import { Heartbeat } from './heartbeat.ts'
import { takeTurns } from './turns.ts'

/** Number of invalid frames in a row after which the connection is broken off. */
const FAULTS_IN_A_ROW = 20
/** Overhead of an answer, in bytes. It is added to the length of the answer's text. */
const ANSWER_COST = 512
/** Time in which the other end must close its side of the connection, in ms. */
const CLOSING_MS = 1000
/** Maximum length of the reason in a close frame, in bytes. */
const REASON_BYTES = 123

/**
 * Reason why one end breaks a connection:
 * - `overdue`: the greeting was not complete in time
 * - `faulty`: too many invalid frames arrived in a row
 * - `unread`: the other end does not read the messages sent to it
 * - `silent`: nothing arrived from the other end, not even a pong
 * - `crashed`: the handler of a frame threw an error
 */
export type BreakReason = 'overdue' | 'faulty' | 'unread' | 'silent' | 'crashed'

/**
 * Limits of one end of a connection. Unread data is data that was sent, but that the operating system has not
 * accepted yet.
 */
export interface ConnectionLimits {
  /** Maximum time from the creation of the connection to `onGreeted`, in ms. */
  greetingMs: number
  /** Maximum size of unread data at which another message may be sent, in bytes. */
  bufferedBytes: number
  /**
   * Size of unread data at which the connection counts as busy, in bytes. By default, the connection is never
   * busy.
   */
  busyBytes?: number
  /**
   * Maximum size of unread answers, in bytes, including `ANSWER_COST` for each. By default, answers are
   * limited by `bufferedBytes` like all messages.
   */
  answerBytes?: number
  /**
   * Maximum time, in ms, to handle frames of this connection while frames of other connections wait. Unlimited
   * by default.
   */
  turnMs?: number
  /**
   * Maximum size of messages that wait until the end of the event loop's turn to be written together, in bytes. By
   * default, each message is written at once.
   */
  gatherBytes?: number
}

interface ConnectionEvents<In> {
  /** Called with each frame before it is parsed. @returns true to ignore it */
  onFrame?(frame: Buffer): boolean
  /** Handles a message. @returns true if a valid message of this kind resets the count of faulty frames */
  onMessage(message: In): boolean
  onUnknown(type: string, commandId: string | undefined): void
  /** Called before the errors of a frame are reported to the other end. */
  onFault(errors: ProtocolError[]): void
  /** Called before each ping, with the monotonic time. */
  onBeat?(now: number): void
  /** Called when the connection is no longer busy. */
  onDrained?(): void
  /** Ends the connection. @param error error that the handler of a frame threw, if the reason is `crashed` */
  onBroken(reason: BreakReason, error?: unknown): void
  /** @param error the first error of the socket, if any */
  onClosed(code: number, reason: string, error?: Error): void
}

export interface ConnectionOptions<In> {
  clock: Clock
  /** Logger for frames, at levels `debug` and `trace`. */
  logger: Logger
  /** Returns facts about the other end, for the log. */
  about?(): object
  limits: ConnectionLimits
  parse(frame: Buffer): Parsed<In>
  events: ConnectionEvents<In>
}

/**
 * Handles one end of a WebSocket connection: frames, errors in frames, the heartbeat, the send buffer, and
 * the close.
 */
export class Connection<In extends { type: string }, Out extends { type: string }> {
  readonly #socket: WebSocket
  readonly #options: ConnectionOptions<In>
  readonly #heartbeat: Heartbeat
  /** Timer that first limits the duration of the greeting, and later the duration of the close. */
  #deadline: Timer | undefined
  #faults = 0
  /** Size of unread answers, in bytes. */
  #answers = 0
  #writes: GatheredWrites | undefined

  constructor(socket: WebSocket, options: ConnectionOptions<In>) {
    this.#socket = socket
    this.#options = options
    const { clock, limits, events } = options
    this.#heartbeat = new Heartbeat(clock, {
      beat: (now) => {
        events.onBeat?.(now)
        if (this.isOpen) socket.ping()
      },
      silent: () => events.onBroken('silent'),
    })
    this.#deadline = clock.setTimeout(() => events.onBroken('overdue'), limits.greetingMs)
    const takeTurn = limits.turnMs === undefined ? undefined : takeTurns(socket, limits.turnMs)
    let first: Error | undefined
    socket.on('message', (data, isBinary) => {
      takeTurn?.()
      try {
        // With the default binary type, 'nodebuffer', the data is one buffer.
        if (this.isOpen) this.#receive(data as Buffer, isBinary)
      } catch (error) {
        // Catch all errors, because no frame may crash a daemon or a hub.
        events.onBroken('crashed', error)
      }
    })
    socket.on('error', (error) => {
      first ??= error
    })
    socket.on('close', (code, reason) => {
      this.#stopTimers()
      events.onClosed(code, String(reason), first)
    })
  }

  get isOpen() {
    return this.#socket.readyState === WebSocket.OPEN
  }

  /** True while only answers may be sent. */
  get isBusy() {
    const { busyBytes = Infinity } = this.#options.limits
    return this.#socket.bufferedAmount > busyBytes
  }

  /**
   * Sets the underlying stream. Each of its bytes counts as a sign of life, so that a long frame on a slow line does
   * not seem like silence.
   */
  hear(stream: Duplex) {
    const { gatherBytes } = this.#options.limits
    if (gatherBytes !== undefined) this.#writes = new GatheredWrites(stream, gatherBytes)
    this.#heartbeat.onHeard()
    stream.on('data', () => this.#heartbeat.onHeard())
  }

  /** Cancels the time limit of the greeting, and starts the heartbeat. */
  onGreeted(heartbeatMs: number) {
    this.#stopTimers()
    this.#heartbeat.start(heartbeatMs)
  }

  /** Sends a message, unless there is too much unread data. @returns whether it was sent */
  send(message: Out | ProtocolError): boolean {
    const { limits, events } = this.#options
    if (!this.isOpen) return false
    if (this.#socket.bufferedAmount > limits.bufferedBytes) {
      events.onBroken('unread')
      return false
    }
    this.#log('frame sent', message)
    let filled = false
    this.#writes?.hold()
    this.#socket.send(JSON.stringify(message), () => {
      if (filled && !this.isBusy) events.onDrained?.()
    })
    this.#writes?.onFrame()
    filled = this.isBusy
    return true
  }

  /** Answers a frame. The other end may send any number of frames, but must read the answers. */
  answer(message: Out | ProtocolError) {
    const { limits, events } = this.#options
    if (limits.answerBytes === undefined) return void this.send(message)
    if (!this.isOpen) return
    this.#log('frame sent', message)
    const text = JSON.stringify(message)
    const bytes = Buffer.byteLength(text) + ANSWER_COST
    this.#answers += bytes
    if (this.#answers > limits.answerBytes) return events.onBroken('unread')
    this.#socket.send(text, () => {
      this.#answers -= bytes
    })
  }

  /** Reports the errors of one frame to the other end. */
  fault(...errors: ProtocolError[]) {
    const { events } = this.#options
    events.onFault(errors)
    for (const error of errors) this.answer(error)
    if (++this.#faults >= FAULTS_IN_A_ROW) events.onBroken('faulty')
  }

  /** Closes the connection, even if the other end does not close its side. */
  close(code: number, reason: string) {
    this.#stopTimers()
    // Remove a partial character at the end of the cut text.
    const head = Buffer.from(reason)
      .toString('utf8', 0, REASON_BYTES)
      .replace(/\ufffd$/, '')
    this.#socket.close(code, head)
    this.#writes?.release()
    if (this.#socket.readyState === WebSocket.CLOSED) return
    this.#deadline = this.#options.clock.setTimeout(() => this.#socket.terminate(), CLOSING_MS)
  }

  /**
   * Ends the connection at once, without a close frame: a half-open connection would never answer such a
   * frame.
   */
  terminate() {
    this.#stopTimers()
    this.#writes?.release()
    this.#socket.terminate()
  }

  #receive(data: Buffer, isBinary: boolean) {
    const { parse, events } = this.#options
    if (isBinary) return this.fault(fault('not_text', 'Frames are JSON text, not binary.'))
    if (data.length > Limits.frame_bytes)
      return this.fault(
        fault('too_large', `The frame has ${data.length} bytes; at most ${Limits.frame_bytes} are allowed.`),
      )
    if (events.onFrame?.(data)) return
    const parsed = parse(data)
    if (!parsed.ok) {
      if (parsed.error) return this.fault(parsed.error)
      return events.onUnknown(parsed.unknownType ?? '', parsed.commandId)
    }
    this.#log('frame received', parsed.message)
    const faults = this.#faults
    if (events.onMessage(parsed.message) && this.#faults === faults) this.#faults = 0
  }

  #log(direction: 'frame sent' | 'frame received', frame: { type: string }) {
    const { logger, about } = this.#options
    logFrame(logger, direction, frame, about)
  }

  #stopTimers() {
    this.#heartbeat.stop()
    if (this.#deadline) this.#options.clock.clearTimeout(this.#deadline)
    this.#deadline = undefined
  }
}

const fault = (code: ProtocolError['code'], message: string): ProtocolError => ({
  type: 'protocol:error',
  code,
  message,
})
