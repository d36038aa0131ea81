import type { WebSocket } from 'ws'
import { Limits } from '../protocol/index.ts'
import { Unmet } from './point.ts'

export type Frame = { type: string } & Record<string, unknown>

/** Limits on the stored frames of a connection: number of frames, and number of characters in all frames. */
const FRAMES = 20_000
const CHARS = 2 * Limits.frame_bytes

/** A WebSocket connection, from either side. Stores the frames from the other side. */
export class Connection {
  readonly frames: Frame[] = []
  /** Descriptions of the faults of received messages that are not valid frames. */
  readonly faults: string[] = []
  readonly socket: WebSocket
  closed: { code: number; reason: string } | undefined
  pings = 0
  pongs = 0
  readonly #answerMs: number
  readonly #changed = new Set<() => void>()
  #nonce = 0
  #chars = 0

  /**
   * @param faultOf returns the fault of a text frame, or undefined
   * @param answerMs time limit, in ms, for an answer that requires only reading the message and writing to a
   * disk
   */
  constructor(socket: WebSocket, faultOf: (text: string) => string | undefined, answerMs: number) {
    this.socket = socket
    this.#answerMs = answerMs
    socket.on('message', (data, isBinary) => {
      const text = String(data)
      const fault = isBinary ? 'a binary frame' : faultOf(text)
      if (fault !== undefined) this.faults.push(fault)
      else this.frames.push(JSON.parse(text) as Frame)
      this.#chars += text.length
      if (this.#chars > CHARS || this.frames.length + this.faults.length > FRAMES) socket.terminate()
      this.#notify()
    })
    socket.on('ping', () => {
      this.pings++
      this.#notify()
    })
    socket.on('pong', () => {
      this.pongs++
      this.#notify()
    })
    socket.on('error', () => {})
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) }
      this.#notify()
    })
  }

  #notify() {
    for (const changed of [...this.#changed]) changed()
  }

  send(message: object | string | Buffer) {
    this.socket.send(
      typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message),
    )
  }

  /**
   * Waits until `find` returns something.
   * @param what description of the failure for the error message, such as `no server:welcome`
   * @throws Unmet after `ms`, or when the connection ends first
   */
  async wait<T>(find: () => T | undefined | false, what: string, ms = this.#answerMs): Promise<T> {
    const found = await new Promise<T | undefined>((resolve, reject) => {
      const look = (last = false) => {
        let result: T | undefined | false
        try {
          result = find()
          if (!result && !last && !this.closed) return
          resolve(result || undefined)
        } catch (error) {
          reject(error)
        }
        clearTimeout(timer)
        this.#changed.delete(changed)
      }
      const changed = () => look()
      const timer = setTimeout(() => look(true), ms)
      this.#changed.add(changed)
      look()
    })
    if (found !== undefined) return found
    const { closed } = this
    throw new Unmet(
      closed
        ? `${what}: the connection ended with code ${closed.code}${closed.reason && ` (${closed.reason})`}`
        : `${what} within ${ms / 1000} s`,
    )
  }

  /** Waits for a frame whose index is at least `from`. */
  frame(type: string, holds: (frame: Frame) => boolean = () => true, from = 0, ms = this.#answerMs) {
    return this.wait(
      () => this.frames.slice(from).find((frame) => frame.type === type && holds(frame)),
      `no ${type}`,
      ms,
    )
  }

  /** Waits for the end of the connection. @returns its code and reason */
  end(what = 'the connection stays open', ms = this.#answerMs) {
    return this.wait(() => this.closed, what, ms)
  }

  /** Sends `link:ping`, and waits until the other side has read everything that was sent before. */
  async settled(what = 'no link:pong') {
    const nonce = `settled-${++this.#nonce}`
    this.send({ type: 'link:ping', nonce })
    await this.wait(
      () => this.frames.some((frame) => frame.type === 'link:pong' && frame.nonce === nonce),
      what,
    )
  }

  async close() {
    if (this.closed) return
    this.socket.close()
    const timer = setTimeout(() => this.socket.terminate(), 2000)
    await new Promise<void>((resolve) =>
      this.closed ? resolve() : this.socket.once('close', () => resolve()),
    )
    clearTimeout(timer)
  }
}
