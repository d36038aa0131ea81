import type { WebSocket } from 'ws'
import { Emitter } from '../platform/emitter.ts'
import { retryAfterS } from '../platform/retry-after.ts'
import { unreachable } from '../platform/unreachable.ts'
import {
  CloseCode,
  type Command,
  type FromDaemon,
  type FromServer,
  isCommand,
  Limits,
  type ProtocolError,
  parseFromServer,
  type Refuse,
  type Welcome,
} from '../protocol/index.ts'
import { Connection } from '../wire/connection.ts'
import { type ConnectionState, type ConnectionStimulus, isUp, step } from '../wire/states.ts'
import { Attempts } from './attempts.ts'
import { BREAKS, LIMITS } from './connection-rules.ts'
import type { DownReason, LinkEvents, LinkHandlers, ServerConnectionOptions } from './options.ts'
import { Pings } from './pings.ts'
import { foreignProtocol, refusalByCloseCode, refusalByStatus, SUPERSEDED } from './refusals.ts'
import { boundedMs, refusedRetryMs } from './refused-retry.ts'
import { openSocket } from './socket.ts'
import { early, TYPE_CHARS, unsupported } from './unsupported.ts'

/** Facts about the loss of a connection. */
interface Loss {
  closeCode?: number | undefined
  /** Time until the next attempt, in ms. */
  waitMs?: number | undefined
  reason?: DownReason
}

type Wire = Connection<FromServer | Command, FromDaemon>

/**
 * The connection to the server. Reconnects until it is closed, and detects a silent server with heartbeats.
 */
export class ServerConnection {
  readonly events = new Emitter<LinkEvents>()
  readonly #options: ServerConnectionOptions
  #handlers!: LinkHandlers
  readonly #attempts: Attempts
  readonly #pings: Pings
  #state: ConnectionState = 'idle'
  #since: number
  /** The connection that is being opened, or is open. */
  #wire: Wire | undefined
  #lastError: string | undefined
  /** Monotonic time of the last welcome. */
  #welcomed = 0
  #saidRefused: string | undefined

  constructor(options: ServerConnectionOptions) {
    this.#options = options
    const { clock, random = Math.random } = options
    this.#attempts = new Attempts({ clock, random, dial: () => void this.#dial() })
    this.#pings = new Pings(clock, random)
    this.#since = clock.now()
  }

  get isUp() {
    return isUp(this.#state)
  }

  /** True while the send buffer is full, so that only answers may be sent. */
  get isBusy() {
    return this.#wire?.isBusy ?? false
  }

  /** Returns the state of the connection for statuses and logs. */
  info() {
    return {
      state: this.#state,
      since: new Date(this.#since).toISOString(),
      attempt: this.#attempts.count,
      ...(this.#lastError && { last_error: this.#lastError }),
      /** Code of the refusal, if the server refused the last attempt. */
      ...(this.#saidRefused && { refused: this.#saidRefused }),
    }
  }

  start(handlers: LinkHandlers) {
    this.#handlers = handlers
    this.#move('start')
    this.#attempts.start()
  }

  /** Sends a message if the connection is up. @returns whether it was sent */
  send(message: FromDaemon): boolean {
    if (!this.isUp) return false
    return this.#wire?.send(this.#handlers.outgoing?.(message) ?? message) === true
  }

  /**
   * Sends a ping message, not a WebSocket ping.
   * @returns the round-trip time in ms; undefined if there is no answer
   */
  ping(timeoutMs = 5000): Promise<number | undefined> {
    return this.#pings.measure((nonce) => this.send({ type: 'link:ping', nonce }), timeoutMs)
  }

  /** Retries or checks the connection at once. Called after the machine was suspended. */
  nudge() {
    if (this.#attempts.isWaiting) this.#attempts.start()
    else if (this.isUp) void this.ping().then((heard) => heard ?? this.#wire?.terminate())
  }

  close(code = 1000, reason = 'stopped', why: DownReason = 'stopped') {
    this.#move('close', why)
    this.#attempts.cancel()
    this.#wire?.close(code, reason)
    this.#wire = undefined
  }

  #move(stimulus: ConnectionStimulus, reason: DownReason = 'closed') {
    const state = step(this.#state, stimulus)
    if (state === this.#state) return
    const wasUp = this.isUp
    this.#state = state
    this.#since = this.#options.clock.now()
    if (wasUp && !this.isUp) this.events.emit('down', reason)
    if (!wasUp && this.isUp) this.events.emit('up')
  }

  async #dial() {
    const { url, key, caFile, way, userAgent } = this.#options
    let socket: WebSocket
    try {
      const made = (await way?.()) ?? {}
      if (this.#state !== 'dialing') return void made.createConnection?.().destroy()
      socket = openSocket({ url, key, userAgent, way: made, caFile })
    } catch (error) {
      return this.#lost(undefined, (error as Error).message)
    }
    this.#attach(socket)
  }

  #attach(socket: WebSocket) {
    const { clock, logger } = this.#options
    const wire: Wire = new Connection<FromServer | Command, FromDaemon>(socket, {
      clock,
      logger,
      limits: LIMITS,
      parse: parseFromServer,
      events: {
        onMessage: (message) => {
          const errors = this.#take(message)
          if (errors.length > 0) wire.fault(...errors)
          return true
        },
        onUnknown: (type, commandId) => this.#onUnknown(type, commandId),
        onFault: (errors) => logger.warn({ errors }, 'the server sent an invalid message'),
        onBeat: (now) => this.#attempts.onUp(now - this.#welcomed),
        onDrained: () => {
          if (wire === this.#wire && this.isUp) this.events.emit('drained')
        },
        onBroken: (reason, error) => {
          const { why, closeCode } = BREAKS[reason]
          if (reason === 'crashed') logger.error({ err: error }, why)
          this.#lost(wire, why, { closeCode, reason })
        },
        onClosed: (code, reason, error) => this.#onClosed(wire, code, reason, error),
      },
    })
    this.#wire = wire
    socket.on('open', () => {
      this.#move('opened')
      void this.#greet(wire)
    })
    socket.on('upgrade', ({ socket: stream }) => wire.hear(stream))
    socket.on('unexpected-response', (request, response) => {
      request.destroy()
      const status = response.statusCode ?? 0
      const after = retryAfterS(response.headers['retry-after'], clock.now())
      const refusal = refusalByStatus(status, after)
      if (refusal) return this.#refuse(refusal)
      const wait = after === undefined ? undefined : boundedMs(after)
      this.#lost(wire, `the server answered HTTP ${status} instead of a WebSocket`, { waitMs: wait })
    })
  }

  async #greet(wire: Wire) {
    try {
      await this.#options.untilReady?.()
    } catch (error) {
      return this.#lost(wire, (error as Error).message)
    }
    if (wire === this.#wire) wire.send(this.#handlers.hello())
  }

  /**
   * Answers an unknown command, so that its sender does not wait for a result. Ignores other unknown
   * messages.
   */
  #onUnknown(type: string, commandId: string | undefined) {
    this.#options.logger.debug(
      { type, command_id: commandId },
      'the server sent a message of an unknown type',
    )
    if (commandId === undefined || type.length > TYPE_CHARS) return
    if (this.isUp) this.#wire?.answer(unsupported(type, commandId))
    else this.#wire?.fault(early(type, commandId))
  }

  #take(message: FromServer | Command): ProtocolError[] {
    switch (message.type) {
      case 'server:welcome':
        return this.#welcome(message)
      case 'server:refuse':
        this.#refuse(message)
        return []
      case 'link:ping':
        this.#wire?.answer({ type: 'link:pong', nonce: message.nonce })
        return []
      case 'link:pong':
        this.#pings.onPong(message.nonce)
        return []
      default:
        // Never answer an error with an error, because the two ends could repeat this forever.
        if (this.isUp || message.type === 'protocol:error') return this.#handlers.onMessage(message)
        return [early(message.type, isCommand(message) ? message.command_id : undefined)]
    }
  }

  #welcome(welcome: Welcome): ProtocolError[] {
    if (this.#state !== 'greeting') return []
    const foreign = foreignProtocol(welcome)
    if (foreign) {
      this.#refuse(foreign, CloseCode.protocol_version)
      return []
    }
    const { clock, logger } = this.#options
    this.#lastError = undefined
    this.#saidRefused = undefined
    this.#move('welcomed')
    logger.info({ server_version: welcome.server_version, attempt: this.#attempts.count }, 'connected')
    this.#welcomed = clock.monotonic()
    this.#wire?.onGreeted(Math.min(welcome.heartbeat_ms ?? Limits.heartbeat_ms, Limits.heartbeat_ms))
    return this.#handlers.onWelcome(welcome)
  }

  #refuse(refusal: Refuse, closeCode?: number) {
    if (refusal.code === 'superseded') return this.#onSuperseded(refusal.message)
    const { logger } = this.#options
    if (this.#saidRefused !== refusal.code)
      logger.error({ code: refusal.code }, `refused by the server: ${refusal.message}`)
    this.events.emit('refused', refusal)
    this.#lost(this.#wire, refusal.message, { closeCode, waitMs: refusedRetryMs(refusal), reason: 'refused' })
    this.#saidRefused = refusal.code
  }

  #onSuperseded(message: string) {
    this.#lastError = message || SUPERSEDED
    this.events.emit('superseded', this.#lastError)
    this.#options.logger.error(
      `The server closed the link permanently: ${this.#lastError.replace(/\.$/, '')}. If this machine is a copy of another, delete machine.json in its state folder and enroll it again with --force.`,
    )
    this.close(1000, 'stopped', 'superseded')
  }

  #onClosed(wire: Wire, code: number, reason: string, error: Error | undefined) {
    if (wire !== this.#wire) return
    const refusal = refusalByCloseCode(code, reason)
    if (refusal) return this.#refuse(refusal)
    this.#lost(wire, error ? unreachable(error) : `closed with code ${code}${reason && `: ${reason}`}`)
  }

  /** Ends a lost or faulty connection, and schedules the next attempt. */
  #lost(wire: Wire | undefined, why: string, { closeCode, waitMs, reason }: Loss = {}) {
    if (wire !== this.#wire) return
    this.#attempts.cancel()
    this.#wire = undefined
    if (closeCode !== undefined && wire?.isOpen) wire.close(closeCode, why)
    else wire?.terminate()
    const isRepeated = this.#lastError === why
    this.#lastError = why
    this.#saidRefused = undefined
    this.#move('lost', reason)
    if (this.#state !== 'dialing') return
    const delay = this.#attempts.later(waitMs)
    this.#options.logger[isRepeated ? 'debug' : 'warn'](
      { retry_in_ms: Math.round(delay), attempt: this.#attempts.count },
      `not connected: ${why}`,
    )
  }
}
