import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { VERSION } from '../../platform/version.ts'
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
  type Refuse,
  type Welcome,
} from '../../protocol/index.ts'
import { type BreakReason, Connection } from '../../wire/connection.ts'
import { type ConnectionState, type ConnectionStimulus, isUp, step } from '../../wire/states.ts'
import type { Denial } from '../registry/keys.ts'
import { keyId } from '../store/key-entry.ts'
import { CLOSES, INTERNAL_ERROR, LIMITS } from './connection-rules.ts'
import { cutToLimits } from './cut-to-limits.ts'
import { incompatible } from './incompatible.ts'

/** The key of a daemon's connection. */
export interface MachineKey {
  sha256: string
  /** Address of the daemon. */
  address: string
  /** Reports whether the key is still accepted for this machine. */
  isAcceptedFor(machineId: string): Promise<boolean>
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

export interface MachineConnectionOptions {
  handlers: MachineConnectionHandlers
  key: MachineKey
  clock: Clock
  logger: Logger
}

/** The hub's end of a daemon's connection: accepts or refuses the greeting, and passes on the messages. */
export class MachineConnection {
  readonly #wire: Connection<FromDaemon, FromServer | Command>
  readonly #handlers: MachineConnectionHandlers
  readonly #logger: Logger
  readonly key: MachineKey
  #state: ConnectionState = 'greeting'
  #hello: Hello | undefined

  /** @param stream the stream below the socket */
  constructor(socket: WebSocket, stream: Duplex, { handlers, key, clock, logger }: MachineConnectionOptions) {
    this.key = key
    this.#handlers = handlers
    this.#logger = logger
    this.#wire = new Connection(socket, {
      clock,
      logger,
      about: () => this.#who,
      limits: LIMITS,
      parse: (frame) => parseFromDaemon(frame, { keepText: true }),
      events: {
        onFrame: (frame) => this.#state === 'greeting' && this.#isRefused(frame),
        onMessage: (message) => this.#onMessage(cutToLimits(message)),
        onUnknown: (type) => this.#onUnknown(type),
        onFault: ([error]) => logger.warn({ error, ...this.#who }, 'received an invalid frame'),
        onBeat: () => void this.lockOutIfRevoked(),
        onBroken: (reason, error) => this.#onBroken(reason, error),
        onClosed: (_code, _reason, error) => this.#onClosed(error),
      },
    })
    this.#wire.hear(stream)
  }

  get hello() {
    return this.#hello
  }

  /** Empty before the greeting. */
  get machineId() {
    return this.#hello?.machine_id ?? ''
  }

  /** Fields that identify the daemon in log lines. */
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
    this.#wire.send(message)
  }

  /** Answers a frame. Ends the connection of a daemon that keeps sending but does not read the answers. */
  answer(message: FromServer) {
    this.#wire.answer(message)
  }

  /** Reports an invalid frame to the daemon. */
  fault(error: Omit<ProtocolError, 'type'>) {
    this.#wire.fault({ type: 'protocol:error', ...error })
  }

  /** Closes the connection because the same machine has connected again. */
  supersede(by: Hello) {
    // The newer connection is from the same daemon. Its old connection is half open, so the daemon would not
    // read a message there.
    if (by.instance_id === this.instanceId) return this.#wire.terminate()
    const message = `Another daemon connected as this machine: ${by.hostname}, pid ${by.pid}.`
    this.#logger.warn(
      { machine_id: this.machineId, hostname: by.hostname, pid: by.pid },
      'machine superseded',
    )
    this.#refuse({ code: 'superseded', message }, CloseCode.superseded)
  }

  /** Closes the connection because the machine was removed. */
  dismiss() {
    this.#refuse({ code: 'removed', message: 'This machine was removed from the hub.' })
  }

  /** Refuses the machine because it may not connect with its key. */
  deny({ code, message }: Denial) {
    this.#refuse({ code, message })
  }

  /**
   * Closes the connection if its key is no longer accepted for this machine. @returns true if it was closed
   */
  async lockOutIfRevoked(): Promise<boolean> {
    if (!this.#hello || (await this.key.isAcceptedFor(this.machineId))) return false
    if (this.#state === 'closed') return false
    this.#logger.warn({ machine_id: this.machineId }, 'machine locked out: its key was revoked')
    this.#refuse({ code: 'unauthorized', message: 'The key of this machine is no longer accepted.' })
    return true
  }

  close(code: number, reason: string) {
    this.#move('close')
    this.#wire.close(code, reason)
  }

  #refuse(refusal: Omit<Refuse, 'type'>, closeCode: number = CloseCode.unauthorized) {
    this.send({ type: 'server:refuse', ...refusal })
    this.close(closeCode, refusal.message)
  }

  #move(stimulus: ConnectionStimulus) {
    this.#state = step(this.#state, stimulus)
  }

  /** Refuses a greeting with an incompatible protocol version. @returns true if it was refused */
  #isRefused(frame: Buffer): boolean {
    const refusal = incompatible(frame)
    if (!refusal) return false
    this.#logger.warn(
      { ...this.#who, told: refusal.message },
      'machine refused: incompatible protocol version',
    )
    this.#refuse(refusal, CloseCode.protocol_version)
    return true
  }

  #onUnknown(type: string) {
    if (this.#state === 'greeting') return this.fault(beforeGreeting('A message of an unknown type'))
    this.#logger.debug({ type }, 'message of an unknown type ignored')
  }

  #onMessage(message: FromDaemon): boolean {
    if (message.type === 'link:ping') {
      this.answer({ type: 'link:pong', nonce: message.nonce })
      return false
    }
    // Never answer an error with an error: otherwise, both sides could exchange errors without end.
    if (message.type === 'protocol:error' && !isUp(this.#state)) {
      this.#logger.warn({ error: message, ...this.#who }, 'the daemon rejected a frame')
      return false
    }
    if (message.type === 'machine:hello' && this.#state === 'greeting') void this.#welcome(message)
    else if (message.type !== 'machine:hello' && isUp(this.#state)) this.#handlers.onMessage(this, message)
    else this.#onUnexpected(message.type)
    return true
  }

  #onUnexpected(of_type: string) {
    if (this.#state === 'greeting') return this.fault({ ...beforeGreeting(of_type), of_type })
    this.fault({ code: 'unexpected', message: `${of_type} was not expected.`, of_type })
  }

  async #welcome(hello: Hello) {
    this.#move('greeted')
    this.key.onHello()
    // Drop the agents: they may be many MiB, and are not needed here.
    this.#hello = { ...hello, agents: [] }
    this.#wire.onGreeted(Limits.heartbeat_ms)
    let standing: Pick<Welcome, 'offsets' | 'journals'>
    try {
      standing = await this.#handlers.onHello(this, hello)
    } catch (error) {
      this.#logger.error({ err: error, machine_id: hello.machine_id }, 'could not handle a greeting')
      return this.close(INTERNAL_ERROR, 'internal error')
    }
    if (!this.#wire.isOpen) return
    this.#move('welcomed')
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

  #onBroken(reason: BreakReason, error: unknown) {
    if (reason === 'crashed') this.#logger.error({ err: error, ...this.#who }, 'could not handle a frame')
    if (reason === 'silent') this.#logger.warn({ machine_id: this.machineId }, 'machine has gone silent')
    const close = CLOSES[reason]
    if (close) this.close(close.code, close.reason)
    else this.#wire.terminate()
  }

  #onClosed(error: Error | undefined) {
    if (error) this.#logger.debug({ err: error, machine_id: this.machineId }, 'link failed')
    this.#move('close')
    this.#handlers.onGone(this)
  }
}

const beforeGreeting = (what: string) => ({
  code: 'unexpected' as const,
  message: `${what} before machine:hello.`,
})
