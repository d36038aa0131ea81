import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import * as z from 'zod/mini'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { VERSION } from '../../platform/version.ts'
import { readHead } from '../../protocol/head.ts'
import { nextBeat } from '../../protocol/heartbeat.ts'
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
} from '../../protocol/index.ts'
import { keyId } from '../registry/key-entry.ts'
import type { Denial } from '../registry/keys.ts'
import { cutToLimits } from './cut-to-limits.ts'

/** Maximum time from the upgrade to the daemon's greeting, in milliseconds. */
const GREETING_MS = 10_000
/** Number of faults in a row after which the hub closes the connection. */
const FAULTS_IN_A_ROW = 20
/** Maximum size of the send buffer, in bytes: more than all commands that can wait for one machine. */
const BUFFERED_BYTES = 6 * Limits.frame_bytes
/**
 * Maximum size of unread answers to a daemon's frames, in bytes, including `ANSWER_COST` for each. The rest
 * of `BUFFERED_BYTES` is for other messages.
 */
const ANSWER_BYTES = 4 * 1024 * 1024
/** Overhead of an answer besides its text, in bytes. */
const ANSWER_COST = 512
/** Time for the frames of one connection before the hub serves others, in milliseconds. */
const TURN_MS = 10
/** Time for a peer to close its side of the connection, in milliseconds. */
const CLOSING_MS = 1000

/** The part of a greeting that is read before the protocol versions are compared. */
const Protocol = z.object({
  type: z.literal('machine:hello'),
  protocol: z.object({ version: z.int(), minimum: z.int() }),
})

/** The key of a daemon's connection. */
export interface MachineKey {
  sha256: string
  /** Address of the daemon. */
  address: string
  /** Reports whether the key is still accepted for this machine. */
  isAcceptedFor(machineId: string): boolean
  /** Called when the daemon's greeting is complete. */
  onHello(): void
}

export interface MachineConnectionHandlers {
  /** Called with the daemon's greeting. @returns the journal offsets and generations for the welcome */
  onHello(peer: MachineConnection, hello: Hello): Promise<Pick<Welcome, 'offsets' | 'journals'>>
  /** Called after the welcome was sent. */
  onWelcomed(peer: MachineConnection): void
  onMessage(peer: MachineConnection, message: Exclude<FromDaemon, Hello>): void
  onGone(peer: MachineConnection): void
}

/** A connection of a daemon: handles its greeting, heartbeat, and frames. */
export class MachineConnection {
  readonly #socket: WebSocket
  readonly #handlers: MachineConnectionHandlers
  readonly #clock: Clock
  readonly #logger: Logger
  readonly key: MachineKey
  #hello: Hello | undefined
  #live = false
  #timer: Timer | undefined
  #heard: number
  #faults = 0
  /** Size of the answers that wait to be sent, in bytes. */
  #answers = 0
  /** Time of the first frame in this turn of the event loop. */
  #turn: number | undefined

  /**
   * @param stream the stream below the socket: each byte is a sign of life, even within a long frame on a
   * slow line
   */
  constructor(
    socket: WebSocket,
    stream: Duplex,
    handlers: MachineConnectionHandlers,
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
        // The default binary type, 'nodebuffer', gives one buffer.
        this.#receive(data as Buffer, isBinary)
      } catch (error) {
        // A frame from one daemon must not crash the hub for all others.
        logger.error({ err: error, ...this.#who }, 'could not handle a frame')
        this.close(1011, 'internal error')
      }
    })
    socket.on('error', (error) => logger.debug({ err: error, machine_id: this.machineId }, 'link failed'))
    socket.on('close', () => {
      if (this.#timer) clock.clearTimeout(this.#timer)
      handlers.onGone(this)
    })
  }

  get hello() {
    return this.#hello
  }

  /** Empty before the greeting. */
  get machineId() {
    return this.#hello?.machine_id ?? ''
  }

  /** Identifies the daemon in log lines. */
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
    // Nothing is lost: commands are on the disk, and everything else is sent again.
    if (this.#socket.bufferedAmount > BUFFERED_BYTES) return this.#socket.terminate()
    this.#socket.send(JSON.stringify(message))
  }

  /** Answers a frame. Closes the connection of a daemon that keeps sending but does not read the answers. */
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

  /** Closes the connection because the same machine has connected again. */
  supersede(by: Hello) {
    // The same daemon: its old connection is half open, so nobody would read a message.
    if (by.instance_id === this.instanceId) return this.#socket.terminate()
    const message = `Another daemon connected as this machine: ${by.hostname}, pid ${by.pid}.`
    this.#logger.warn(
      { machine_id: this.machineId, hostname: by.hostname, pid: by.pid },
      'machine superseded',
    )
    this.send({ type: 'server:refuse', code: 'superseded', message })
    this.close(CloseCode.superseded, message)
  }

  /** Closes the connection because the machine was removed. */
  dismiss() {
    const message = 'This machine was removed from the hub.'
    this.send({ type: 'server:refuse', code: 'removed', message })
    this.close(CloseCode.unauthorized, message)
  }

  /** Refuses the machine because it may not connect with its key. */
  deny({ code, message }: Denial) {
    this.send({ type: 'server:refuse', code, message })
    this.close(CloseCode.unauthorized, message)
  }

  /** Closes the connection if its key is no longer accepted for this machine. @returns true if it did */
  lockedOut(): boolean {
    if (!this.#hello || this.key.isAcceptedFor(this.machineId)) return false
    this.#lockOut()
    return true
  }

  #lockOut() {
    const message = 'The key of this machine is no longer accepted.'
    this.#logger.warn({ machine_id: this.machineId }, 'machine locked out: its key was revoked')
    this.send({ type: 'server:refuse', code: 'unauthorized', message })
    this.close(CloseCode.unauthorized, message)
  }

  close(code: number, reason: string) {
    this.#live = false
    if (this.#timer) this.#clock.clearTimeout(this.#timer)
    // The reason in a close frame has at most 123 bytes, and must not end in a partial character.
    const head = Buffer.from(reason)
      .toString('utf8', 0, 123)
      .replace(/\ufffd$/, '')
    this.#socket.close(code, head)
    this.#timer = this.#clock.setTimeout(() => this.#socket.terminate(), CLOSING_MS)
  }

  /** Reports an invalid frame to the daemon. */
  fault(error: Omit<ProtocolError, 'type'>) {
    this.#logger.warn({ error, ...this.#who }, 'received an invalid frame')
    this.answer({ type: 'protocol:error', ...error })
    if (++this.#faults >= FAULTS_IN_A_ROW) this.close(CloseCode.protocol_error, 'too many faults in a row')
  }

  /** Pauses reading until the next turn of the event loop if this turn's frames have taken too long. */
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
        message: `The frame has ${data.length} bytes; at most ${Limits.frame_bytes} are allowed.`,
      })
    if (!this.#hello && this.#refuses(data)) return
    const parsed = parseFromDaemon(data)
    if (!parsed.ok) {
      if (parsed.error) this.fault(parsed.error)
      else if (!this.#hello) this.fault(beforeGreeting('A message of an unknown type'))
      else this.#logger.debug({ type: parsed.unknownType }, 'message of an unknown type ignored')
      return
    }
    const message = cutToLimits(parsed.message)
    if (message.type === 'link:ping') return this.answer({ type: 'link:pong', nonce: message.nonce })
    // Never answer an error with an error: that would not end.
    if (message.type === 'protocol:error' && !this.#live)
      return this.#logger.warn({ error: message, ...this.#who }, 'the daemon rejected a frame')
    const expected = message.type === 'machine:hello' ? !this.#hello : this.#live
    if (!expected)
      return this.fault(
        this.#hello
          ? { code: 'unexpected', message: `${message.type} was not expected.`, of_type: message.type }
          : { ...beforeGreeting(message.type), of_type: message.type },
      )
    const faults = this.#faults
    if (message.type === 'machine:hello') void this.#welcome(message)
    else this.#handlers.onMessage(this, message)
    if (this.#faults === faults) this.#faults = 0
  }

  /** Refuses a greeting with an incompatible protocol version. @returns true if it did */
  #refuses(data: Buffer): boolean {
    const read = Protocol.safeParse(Object.fromEntries(readHead(data, ['type', 'protocol'])))
    if (!read.success) return false
    const { version, minimum } = read.data.protocol
    const tooOld = version < PROTOCOL.minimum
    if (!tooOld && minimum <= PROTOCOL.version) return false
    const message = tooOld
      ? `This daemon speaks protocol ${version}; the hub needs ${PROTOCOL.minimum} or newer.`
      : `This daemon needs protocol ${minimum} or newer; the hub speaks ${PROTOCOL.version}. Update the hub.`
    this.#logger.warn({ ...this.#who, told: message }, 'machine refused: incompatible protocol version')
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
    this.key.onHello()
    // Drop the agents, which may be many MiB and are not needed here.
    this.#hello = { ...hello, agents: [] }
    this.#beat(this.#clock.monotonic())
    let standing: Pick<Welcome, 'offsets' | 'journals'>
    try {
      standing = await this.#handlers.onHello(this, hello)
    } catch (error) {
      this.#logger.error({ err: error, machine_id: hello.machine_id }, 'could not handle a greeting')
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
    this.#handlers.onWelcomed(this)
  }

  #hear() {
    this.#heard = this.#clock.monotonic()
  }

  #beat(last: number) {
    this.#timer = this.#clock.setTimeout(
      () => {
        const now = this.#clock.monotonic()
        // After a pause of the hub itself, sockets may contain unread data: ping again instead of giving up.
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
