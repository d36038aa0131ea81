import type { WebSocket } from 'ws'
import { systemCode } from '../platform/errors.ts'
import type { Logger } from '../platform/log.ts'
import { VERSION } from '../platform/version.ts'
import {
  type Activity,
  CloseCode,
  type Command,
  type FromDaemon,
  type FromServer,
  type Hello,
  Limits,
  PROTOCOL,
  type ProtocolError,
  parseFromDaemon,
} from '../protocol/index.ts'
import type { Taken } from './activity-store.ts'

/** From the connection to the daemon's hello. */
const GREETING_MS = 15_000
/** Frames in a row that cannot be taken, after which the connection is of no use. */
const FAULTS_IN_A_ROW = 20
/** After a frame could not be stored: before the daemon is asked for it again. */
const STORE_RETRY_MS = 2000
/** What waits to be sent to a daemon that does not read. */
const BUFFERED_BYTES = 4 * Limits.frame_bytes

export interface ConnectionOptions {
  logger: Logger
  /** The daemon is accepted. @returns how far each of its agents' journals is here */
  greeted(connection: Connection, hello: Hello): Record<string, number>
  /** After the welcome was sent. */
  live(connection: Connection): void
  /** @throws the file system's error when it could not be stored */
  activity(connection: Connection, frame: Activity): Taken
  message(connection: Connection, message: Exclude<FromDaemon, Hello | Activity>): void
  closed(connection: Connection): void
}

/** One daemon's WebSocket, from its greeting to its end. */
export class Connection {
  readonly #socket: WebSocket
  readonly #options: ConnectionOptions
  readonly #acks = new Map<string, number>()
  #hello: Hello | undefined
  #greeting: NodeJS.Timeout | undefined
  #heartbeat: NodeJS.Timeout
  #heard = performance.now()
  #faults = 0
  #ackScheduled = false

  constructor(socket: WebSocket, options: ConnectionOptions) {
    this.#socket = socket
    this.#options = options
    this.#greeting = setTimeout(() => this.close(CloseCode.timeout, 'no machine:hello in time'), GREETING_MS)
    this.#heartbeat = setInterval(() => this.#beat(), Limits.heartbeat_ms)
    socket.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary))
    socket.on('ping', () => this.#hear())
    socket.on('pong', () => this.#hear())
    socket.on('error', (error) =>
      options.logger.debug({ err: error, machine_id: this.machineId }, 'connection failed'),
    )
    socket.on('close', () => this.#closed())
  }

  /** Undefined before the greeting. */
  get machineId() {
    return this.#hello?.machine_id
  }

  get instanceId() {
    return this.#hello?.instance_id
  }

  send(message: FromServer | Command) {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    // Commands are kept on disk, everything else is said again: a daemon that does not read may lose its link.
    if (this.#socket.bufferedAmount > BUFFERED_BYTES) return this.#socket.terminate()
    this.#socket.send(JSON.stringify(message))
  }

  /** Journal bytes up to `offset` are on disk. */
  acknowledge(agentId: string, offset: number) {
    this.#acks.set(agentId, offset)
    if (this.#ackScheduled) return
    this.#ackScheduled = true
    setImmediate(() => {
      this.#ackScheduled = false
      this.send({ type: 'agent:ack', offsets: Object.fromEntries(this.#acks) })
      this.#acks.clear()
    })
  }

  refuse(code: 'protocol_version' | 'superseded', message: string, closeCode: number) {
    this.send({ type: 'server:refuse', code, message })
    this.close(closeCode, message)
  }

  close(code: number, reason: string) {
    this.#socket.close(code, reason)
    // One that does not answer a close is not waited for.
    setTimeout(() => this.#socket.terminate(), 1000).unref()
  }

  #receive(data: Buffer, isBinary: boolean) {
    this.#hear()
    if (isBinary) return this.#fault({ code: 'not_text', message: 'Frames are JSON text, not binary.' })
    const frame = data.toString('utf8')
    if (!this.#hello && this.#refusedByVersion(frame)) return
    const parsed = parseFromDaemon(frame)
    if (!parsed.ok) {
      if (parsed.error) this.#fault(parsed.error)
      return
    }
    this.#faults = 0
    const { message } = parsed
    if (message.type === 'machine:hello') return this.#greet(message as Hello)
    if (!this.#hello)
      return this.#fault({
        code: 'unexpected',
        message: `${message.type} before machine:hello.`,
        of_type: message.type,
      })
    if (message.type === 'agent:activity') return this.#take(message as Activity)
    if (message.type === 'link:ping')
      return this.send({ type: 'link:pong', nonce: (message as { nonce?: unknown }).nonce })
    this.#options.message(this, message as Exclude<FromDaemon, Hello | Activity>)
  }

  /** Looked at before anything else of a hello: a daemon of another age may say the rest differently. */
  #refusedByVersion(frame: string): boolean {
    let hello: { type?: unknown; protocol?: { version?: unknown; minimum?: unknown } }
    try {
      hello = JSON.parse(frame)
    } catch {
      return false
    }
    const { version, minimum } = hello?.protocol ?? {}
    if (hello?.type !== 'machine:hello' || typeof version !== 'number' || typeof minimum !== 'number')
      return false
    if (version >= PROTOCOL.minimum && minimum <= PROTOCOL.version) return false
    const message = `This hub (${VERSION}) speaks protocol ${PROTOCOL.minimum} to ${PROTOCOL.version}, the daemon ${minimum} to ${version}.`
    this.refuse('protocol_version', message, CloseCode.protocol_version)
    return true
  }

  #greet(hello: Hello) {
    if (this.#hello)
      return this.#fault({ code: 'unexpected', message: 'A second machine:hello.', of_type: hello.type })
    this.#hello = hello
    clearTimeout(this.#greeting)
    const offsets = this.#options.greeted(this, hello)
    this.send({
      type: 'server:welcome',
      protocol: { version: Math.min(PROTOCOL.version, hello.protocol.version) },
      server_version: VERSION,
      capabilities: [],
      offsets,
      heartbeat_ms: Limits.heartbeat_ms,
    })
    this.#options.live(this)
  }

  #take(frame: Activity) {
    const { agent_id } = frame
    if (frame.to < frame.from)
      return this.#fault({
        code: 'invalid',
        message: 'agent:activity: to: before from',
        path: 'to',
        of_type: frame.type,
      })
    try {
      const taken = this.#options.activity(this, frame)
      if (!taken.taken) this.send({ type: 'agent:resend', agent_id, from: taken.resend })
    } catch (error) {
      // What is not acknowledged stays on the machine's disk. It is asked for again when there may be room.
      const full = systemCode(error) === 'ENOSPC' || systemCode(error) === 'EDQUOT'
      this.#options.logger.error(
        { agent_id, err: error },
        full ? 'disk full: activity not taken' : 'activity not taken',
      )
      setTimeout(
        () => this.send({ type: 'agent:resend', agent_id, from: frame.from }),
        STORE_RETRY_MS,
      ).unref()
    }
  }

  #fault(error: Omit<ProtocolError, 'type'>) {
    this.#options.logger.warn(
      { machine_id: this.machineId, error },
      'a daemon sent something that cannot be taken',
    )
    this.send({ ...error, type: 'protocol:error' })
    if (++this.#faults >= FAULTS_IN_A_ROW) this.close(CloseCode.protocol_error, 'too many faults in a row')
  }

  #hear() {
    this.#heard = performance.now()
  }

  #beat() {
    if (performance.now() - this.#heard > Limits.silence_ms) return this.#socket.terminate()
    this.#socket.ping()
  }

  #closed() {
    clearTimeout(this.#greeting)
    clearInterval(this.#heartbeat)
    this.#options.closed(this)
  }
}
