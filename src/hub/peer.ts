import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import * as z from 'zod/mini'
import type { Clock, Timer } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { VERSION } from '../platform/version.ts'
import { readHead } from '../protocol/head.ts'
import { nextBeat } from '../protocol/heartbeat.ts'
import {
  CloseCode,
  type Command,
  type FromDaemon,
  type FromServer,
  type Hello,
  Limits,
  PROTOCOL,
  type ProtocolError,
  parseFromDaemon,
  type Welcome,
} from '../protocol/index.ts'
import { keyId } from './key-entry.ts'
import type { Denial } from './keys.ts'
import { modest } from './modest.ts'

/** From the upgrade to the daemon's greeting. */
const GREETING_MS = 10_000
/** Frames in a row that cannot be taken, after which the link is of no use. */
const FAULTS_IN_A_ROW = 20
/** What may wait to be sent to a daemon that does not read, in bytes: all commands that may wait for one, and more. */
const BUFFERED_BYTES = 6 * Limits.frame_bytes
/**
 * Answers to what a daemon sends that may wait while it does not read, in bytes, with what each costs beside its text. The
 * rest of `BUFFERED_BYTES` is for what is sent unasked.
 */
const ANSWER_BYTES = 4 * 1024 * 1024
const ANSWER_COST = 512
/** Time that the frames of one connection may take before others are served, in ms. */
const TURN_MS = 10
/** How long a peer that was told to go may take to close its side. */
const CLOSING_MS = 1000

/** All that is read of a greeting before it is known whether the two understand each other. */
const Protocol = z.object({
  type: z.literal('machine:hello'),
  protocol: z.object({ version: z.int(), minimum: z.int() }),
})

/** The key a daemon came with. */
export interface MachineKey {
  sha256: string
  /** Where it came from. */
  address: string
  /** Whether it still is one of this machine. */
  acceptedFor(machineId: string): boolean
  /** Called when the daemon's greeting is complete. */
  greeted(): void
}

export interface PeerHandlers {
  /** The daemon has greeted. @returns what the welcome says of its journals */
  greeted(peer: Peer, hello: Hello): Promise<Pick<Welcome, 'offsets' | 'journals'>>
  /** The welcome was sent. */
  welcomed(peer: Peer): void
  message(peer: Peer, message: Exclude<FromDaemon, Hello>): void
  gone(peer: Peer): void
}

/** One connection of one daemon: greeted, watched, its frames read. */
export class Peer {
  readonly #socket: WebSocket
  readonly #handlers: PeerHandlers
  readonly #clock: Clock
  readonly #logger: Logger
  readonly key: MachineKey
  #hello: Hello | undefined
  #live = false
  #timer: Timer | undefined
  #heard: number
  #faults = 0
  /** What waits of answers, in bytes. */
  #answers = 0
  /** When the first frame of this turn of the event loop came. */
  #turn: number | undefined

  /** @param stream what the socket reads from: each byte is a sign of life, also within a long frame on a slow line */
  constructor(
    socket: WebSocket,
    stream: Duplex,
    handlers: PeerHandlers,
    key: MachineKey,
    clock: Clock,
    logger: Logger,
  ) {
    this.#socket = socket
    this.key = key
    this.#handlers = handlers
    this.#clock = clock
    this.#logger = logger
    this.#heard = clock.monotonic()
    this.#timer = clock.setTimeout(() => this.close(CloseCode.timeout, 'no greeting in time'), GREETING_MS)
    stream.on('data', () => this.#hear())
    socket.on('message', (data, isBinary) => {
      this.#rest()
      try {
        // 'nodebuffer', which is the default, gives one buffer.
        this.#receive(data as Buffer, isBinary)
      } catch (error) {
        // What one daemon sends must not end the hub of all the others.
        logger.error({ err: error, ...this.#who }, 'a frame could not be dealt with')
        this.close(1011, 'internal error')
      }
    })
    socket.on('error', (error) => logger.debug({ err: error, machine_id: this.machineId }, 'link failed'))
    socket.on('close', () => {
      if (this.#timer) clock.clearTimeout(this.#timer)
      handlers.gone(this)
    })
  }

  get hello() {
    return this.#hello
  }

  /** Empty before the greeting. */
  get machineId() {
    return this.#hello?.machine_id ?? ''
  }

  /** For log lines. */
  get #who(): { machine_id: string } | { key_id: string; address: string } {
    if (this.#hello) return { machine_id: this.machineId }
    return { key_id: keyId(this.key), address: this.key.address }
  }

  get instanceId() {
    return this.#hello?.instance_id ?? ''
  }

  get capabilities(): readonly string[] {
    return this.#hello?.capabilities ?? []
  }

  send(message: FromServer | Command) {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    // Commands are on disk and everything else is said again: a daemon that does not read may lose its link.
    if (this.#socket.bufferedAmount > BUFFERED_BYTES) return this.#socket.terminate()
    this.#socket.send(JSON.stringify(message))
  }

  /** Answers a frame. A daemon that goes on sending, and does not read what it is answered, loses its link. */
  answer(message: FromServer) {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    const text = JSON.stringify(message)
    const bytes = Buffer.byteLength(text) + ANSWER_COST
    this.#answers += bytes
    if (this.#answers > ANSWER_BYTES) return this.#socket.terminate()
    this.#socket.send(text, () => {
      this.#answers -= bytes
    })
  }

  /** Another connection of the same machine takes this one's place. */
  supersede(by: Hello) {
    // The same daemon, whose old connection is half open: nobody reads what it is told there.
    if (by.instance_id === this.instanceId) return this.#socket.terminate()
    const message = `Another daemon connected as this machine: ${by.hostname}, pid ${by.pid}.`
    this.#logger.warn(
      { machine_id: this.machineId, hostname: by.hostname, pid: by.pid },
      'machine superseded',
    )
    this.send({ type: 'server:refuse', code: 'superseded', message })
    this.close(CloseCode.superseded, message)
  }

  /** The machine was removed. */
  dismiss() {
    const message = 'This machine was removed from the hub.'
    this.send({ type: 'server:refuse', code: 'removed', message })
    this.close(CloseCode.unauthorized, message)
  }

  /** The machine may not connect with the key it came with. */
  deny({ code, message }: Denial) {
    this.send({ type: 'server:refuse', code, message })
    this.close(CloseCode.unauthorized, message)
  }

  /** Ends the connection where its key is no longer this machine's. @returns whether it has */
  lockedOut(): boolean {
    if (!this.#hello || this.key.acceptedFor(this.machineId)) return false
    this.#lockOut()
    return true
  }

  #lockOut() {
    const message = 'The key of this machine is no longer accepted.'
    this.#logger.warn({ machine_id: this.machineId }, 'machine locked out: its key was taken away')
    this.send({ type: 'server:refuse', code: 'unauthorized', message })
    this.close(CloseCode.unauthorized, message)
  }

  close(code: number, reason: string) {
    this.#live = false
    if (this.#timer) this.#clock.clearTimeout(this.#timer)
    // A close frame holds 123 bytes of reason; with half a letter at its end it would be a fault.
    const head = Buffer.from(reason)
      .toString('utf8', 0, 123)
      .replace(/\ufffd$/, '')
    this.#socket.close(code, head)
    this.#timer = this.#clock.setTimeout(() => this.#socket.terminate(), CLOSING_MS)
  }

  /** Tells the daemon that a frame of its could not be taken. */
  fault(error: Omit<ProtocolError, 'type'>) {
    this.#logger.warn({ error, ...this.#who }, 'a frame could not be taken')
    this.answer({ type: 'protocol:error', ...error })
    if (++this.#faults >= FAULTS_IN_A_ROW) this.close(CloseCode.protocol_error, 'too many faults in a row')
  }

  /** Stops reading where this turn's frames have taken long, until others were served. */
  #rest() {
    const now = performance.now()
    if (this.#turn === undefined) {
      this.#turn = now
      setImmediate(() => {
        this.#turn = undefined
        if (this.#socket.isPaused) this.#socket.resume()
      })
    } else if (now - this.#turn > TURN_MS) this.#socket.pause()
  }

  #receive(data: Buffer, isBinary: boolean) {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    if (isBinary) return this.fault({ code: 'not_text', message: 'Frames are JSON text, not binary.' })
    if (data.length > Limits.frame_bytes)
      return this.fault({
        code: 'too_large',
        message: `The frame has ${data.length} bytes; ${Limits.frame_bytes} are allowed.`,
      })
    if (!this.#hello && this.#refuses(data)) return
    const parsed = parseFromDaemon(data)
    if (!parsed.ok) {
      if (parsed.error) this.fault(parsed.error)
      else if (!this.#hello) this.fault(beforeGreeting('A message of an unknown type'))
      else this.#logger.debug({ type: parsed.unknownType }, 'message of an unknown type ignored')
      return
    }
    const message = modest(parsed.message)
    if (message.type === 'link:ping') return this.answer({ type: 'link:pong', nonce: message.nonce })
    // An error is never answered by an error: that would not end.
    if (message.type === 'protocol:error' && !this.#live)
      return this.#logger.warn({ error: message, ...this.#who }, 'the daemon could not take a frame')
    const expected = message.type === 'machine:hello' ? !this.#hello : this.#live
    if (!expected)
      return this.fault(
        this.#hello
          ? { code: 'unexpected', message: `${message.type} was not expected.`, of_type: message.type }
          : { ...beforeGreeting(message.type), of_type: message.type },
      )
    const faults = this.#faults
    if (message.type === 'machine:hello') void this.#welcome(message)
    else this.#handlers.message(this, message)
    if (this.#faults === faults) this.#faults = 0
  }

  /** Whether the frame is a greeting in a protocol that is not spoken here: it is read no further. */
  #refuses(data: Buffer): boolean {
    const read = Protocol.safeParse(Object.fromEntries(readHead(data, ['type', 'protocol'])))
    if (!read.success) return false
    const { version, minimum } = read.data.protocol
    const tooOld = version < PROTOCOL.minimum
    if (!tooOld && minimum <= PROTOCOL.version) return false
    const message = tooOld
      ? `This daemon speaks protocol ${version}; the hub needs ${PROTOCOL.minimum} or newer.`
      : `This daemon needs protocol ${minimum} or newer; the hub speaks ${PROTOCOL.version}. Update the hub.`
    this.#logger.warn({ ...this.#who, told: message }, 'machine refused: it speaks another protocol')
    this.send({
      type: 'server:refuse',
      code: 'protocol_version',
      message,
      ...(tooOld && { update_to: VERSION }),
    })
    this.close(CloseCode.protocol_version, message)
    return true
  }

  async #welcome(hello: Hello) {
    if (this.#timer) this.#clock.clearTimeout(this.#timer)
    this.key.greeted()
    // Without what may be many MiB of it, for which the connection has no use.
    this.#hello = { ...hello, agents: [] }
    this.#beat(this.#clock.monotonic())
    let standing: Pick<Welcome, 'offsets' | 'journals'>
    try {
      standing = await this.#handlers.greeted(this, hello)
    } catch (error) {
      this.#logger.error({ err: error, machine_id: hello.machine_id }, 'machine could not be greeted')
      return this.close(1011, 'internal error')
    }
    if (this.#socket.readyState !== WebSocket.OPEN) return
    this.#live = true
    this.send({
      type: 'server:welcome',
      protocol: { version: Math.min(hello.protocol.version, PROTOCOL.version) },
      server_version: VERSION,
      capabilities: [],
      ...standing,
      heartbeat_ms: Limits.heartbeat_ms,
    })
    this.#handlers.welcomed(this)
  }

  #hear() {
    this.#heard = this.#clock.monotonic()
  }

  #beat(last: number) {
    this.#timer = this.#clock.setTimeout(
      () => {
        const now = this.#clock.monotonic()
        // A hub that was stopped or starved comes back to sockets full of what it has not read yet: ask once more.
        const late = now - last > 2 * Limits.heartbeat_ms
        if (!late && now - this.#heard >= Limits.silence_ms) {
          this.#logger.warn({ machine_id: this.machineId }, 'machine has gone silent')
          return this.#socket.terminate()
        }
        if (this.lockedOut()) return
        this.#socket.ping()
        this.#beat(now)
      },
      nextBeat(this.#heard, last, Limits.heartbeat_ms),
    )
  }
}

const beforeGreeting = (what: string) => ({
  code: 'unexpected' as const,
  message: `${what} before machine:hello.`,
})
