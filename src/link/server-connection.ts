import { WebSocket } from 'ws'
import { fullJitter } from '../platform/backoff.ts'
import type { Clock, Timer } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { retryAfterS } from '../platform/retry-after.ts'
import { unreachable } from '../platform/unreachable.ts'
import { nextBeat } from '../protocol/heartbeat.ts'
import {
  CloseCode,
  type Command,
  type FromDaemon,
  type FromServer,
  type Hello,
  isCommand,
  Limits,
  PROTOCOL,
  type ProtocolError,
  parseFromServer,
  type Refuse,
  type Welcome,
} from '../protocol/index.ts'
import { boundedMs, foreignProtocol, refusedRetryMs } from './refused-retry.ts'
import { isBusy, write } from './send-buffer.ts'
import { GREETING_MS, openSocket, type Way } from './socket.ts'
import { isUp, type LinkInfo, type LinkState, type LinkStimulus, step } from './states.ts'
import { early, TYPE_CHARS, unsupported } from './unsupported.ts'

/** Minimum duration of a good link, in ms. After a good link, the backoff starts from the beginning. */
const STABLE_MS = 30_000
/** Number of invalid frames in a row after which the link is closed. */
const FAULTS_IN_A_ROW = 20

export interface ServerConnectionOptions {
  url: string
  key: string
  /** PEM of a private certificate authority. */
  caFile?: string
  userAgent: string
  clock: Clock
  random?: () => number
  logger: Logger
  /** Prepares the connection to the url. Called for each attempt. */
  way?: () => Promise<Way>
  /** Resolves when the daemon may send its hello. Called as soon as the connection is open. */
  untilReady?(): Promise<void>
  hello(): Hello
  /** Handles the welcome. @returns its errors, like `message` */
  onWelcome(welcome: Welcome): ProtocolError[]
  onMessage(message: Exclude<FromServer, Welcome | Refuse> | Command): ProtocolError[]
  /** Called when the link is no longer busy. */
  onDrained?(): void
  onDown(): void
  onRefused(refusal: Refuse): void
  /** Called when another daemon has replaced this one. The link is closed permanently. */
  onSuperseded(message: string): void
}

/** The connection to the server. It reconnects until it is closed, and detects a silent server with heartbeats. */
export class ServerConnection {
  readonly #options: ServerConnectionOptions
  #state: LinkState = 'idle'
  #since: number
  #socket: WebSocket | undefined
  #attempt = 0
  #lastError: string | undefined
  #retry: Timer | undefined
  #greeting: Timer | undefined
  #heartbeat: Timer | undefined
  #heartbeatMs: number = Limits.heartbeat_ms
  #heard = 0
  /** Monotonic time of the last welcome. */
  #welcomed = 0
  #faults = 0
  #saidRefused: string | undefined
  readonly #pongs = new Map<string, () => void>()

  constructor(options: ServerConnectionOptions) {
    this.#options = options
    this.#since = options.clock.now()
  }

  get isUp() {
    return isUp(this.#state)
  }

  /** True while only answers may be sent. */
  get isBusy() {
    return isBusy(this.#socket)
  }

  info(): LinkInfo {
    return {
      state: this.#state,
      since: new Date(this.#since).toISOString(),
      attempt: this.#attempt,
      ...(this.#lastError && { last_error: this.#lastError }),
      ...(this.#saidRefused && { refused: this.#saidRefused }),
    }
  }

  start() {
    this.#move('start')
    void this.#dial()
  }

  /** Sends a message if the link is up. @returns whether it was sent */
  send(message: FromDaemon): boolean {
    return this.isUp && this.#write(message)
  }

  /**
   * Sends the server a ping message, not a WebSocket ping.
   * @returns the round trip in ms; undefined without an answer
   */
  ping(timeoutMs = 5000): Promise<number | undefined> {
    const { clock, random = Math.random } = this.#options
    const nonce = random().toString(36).slice(2)
    const start = clock.monotonic()
    if (!this.send({ type: 'link:ping', nonce })) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const finish = (result: number | undefined) => {
        this.#pongs.delete(nonce)
        clock.clearTimeout(timer)
        resolve(result)
      }
      const timer = clock.setTimeout(() => finish(undefined), timeoutMs)
      this.#pongs.set(nonce, () => finish(clock.monotonic() - start))
    })
  }

  /** Retries or checks the link now, since the network or the machine may have been suspended. */
  nudge() {
    if (this.#retry) {
      this.#attempt = 0
      void this.#dial()
    } else if (this.isUp) void this.ping().then((heard) => heard ?? this.#socket?.terminate())
  }

  /** Keeps sending but accepts no new commands. A lost link is not reconnected. */
  drain() {
    this.#move('drain')
    if (this.#state === 'closed') this.close()
  }

  close(code = 1000, reason = 'stopped') {
    this.#move('close')
    this.#clear()
    this.#socket?.close(code, reason)
    this.#socket = undefined
  }

  #move(stimulus: LinkStimulus) {
    const state = step(this.#state, stimulus)
    if (state === this.#state) return
    const wasUp = this.isUp
    this.#state = state
    this.#since = this.#options.clock.now()
    if (wasUp && !this.isUp) this.#options.onDown()
  }

  async #dial() {
    const { clock, url, key, caFile, way, userAgent } = this.#options
    this.#clear()
    this.#attempt++
    let socket: WebSocket
    try {
      const made = (await way?.()) ?? {}
      if (this.#state !== 'dialing') return void made.createConnection?.().destroy()
      socket = openSocket({ url, key, userAgent, way: made, caFile })
    } catch (error) {
      return this.#lost(undefined, (error as Error).message)
    }
    this.#socket = socket
    this.#greeting = clock.setTimeout(
      () => this.#lost(socket, 'no welcome in time', CloseCode.timeout),
      GREETING_MS,
    )
    let failure: string | undefined
    socket.on('open', () => {
      this.#move('opened')
      this.#hear()
      void this.#greet(socket)
    })
    socket.on('message', (data, isBinary) => {
      if (socket !== this.#socket) return
      try {
        this.#receive(data as Buffer, isBinary)
      } catch (error) {
        // A frame from the server must not crash the daemon.
        this.#options.logger.error({ err: error }, 'failed to handle a frame from the server')
        this.#lost(socket, 'failed to handle a frame from the server')
      }
    })
    // Each byte is a sign of life, also in a long frame over a slow connection.
    socket.on('upgrade', ({ socket: stream }) => stream.on('data', () => this.#hear()))
    socket.on('error', (error) => {
      failure ??= unreachable(error)
    })
    socket.on('unexpected-response', (request, response) => {
      request.destroy()
      const status = response.statusCode ?? 0
      const after = retryAfterS(response.headers['retry-after'], clock.now())
      if (status === 401 || status === 403)
        this.#refuse({
          type: 'server:refuse',
          code: 'unauthorized',
          message: `The server refused the key (HTTP ${status}).`,
          ...(after !== undefined && { retry_after_s: after }),
        })
      else {
        const wait = after === undefined ? undefined : boundedMs(after)
        this.#lost(socket, `the server answered HTTP ${status} instead of a WebSocket`, undefined, wait)
      }
    })
    socket.on('close', (code, reason) => {
      if (socket !== this.#socket) return
      const said = reason.toString()
      if (code === CloseCode.superseded) this.#onSuperseded(said)
      else if (code === CloseCode.unauthorized || code === CloseCode.protocol_version)
        this.#refuse({
          type: 'server:refuse',
          code: code === CloseCode.unauthorized ? 'unauthorized' : 'protocol_version',
          message: said || 'The server closed the link.',
        })
      else this.#lost(socket, failure ?? `closed with code ${code}${said && `: ${said}`}`)
    })
  }

  async #greet(socket: WebSocket) {
    const { untilReady, hello } = this.#options
    try {
      await untilReady?.()
    } catch (error) {
      return this.#lost(socket, (error as Error).message)
    }
    if (socket === this.#socket) this.#write(hello())
  }

  #receive(data: Buffer, isBinary: boolean) {
    if (isBinary)
      return this.#fault({
        type: 'protocol:error',
        code: 'not_text',
        message: 'Frames are JSON text, not binary.',
      })
    const parsed = parseFromServer(data)
    if (!parsed.ok) {
      if (parsed.error) this.#fault(parsed.error)
      else this.#onUnknown(parsed.unknownType ?? '', parsed.commandId)
      return
    }
    const { message } = parsed
    const wrong = this.#take(message)
    if (wrong.length > 0) this.#fault(...wrong)
    else this.#faults = 0
  }

  /** Answers an unknown command, so that its sender does not wait. Other unknown messages are ignored. */
  #onUnknown(type: string, commandId: string | undefined) {
    this.#options.logger.debug({ type, command_id: commandId }, 'message of an unknown type')
    if (commandId === undefined || type.length > TYPE_CHARS) return
    if (this.isUp) this.#write(unsupported(type, commandId))
    else this.#fault(early(type, commandId))
  }

  #take(message: FromServer | Command): ProtocolError[] {
    switch (message.type) {
      case 'server:welcome':
        return this.#welcome(message)
      case 'server:refuse':
        this.#refuse(message)
        return []
      case 'link:ping':
        this.#write({ type: 'link:pong', nonce: message.nonce })
        return []
      case 'link:pong':
        if (typeof message.nonce === 'string') this.#pongs.get(message.nonce)?.()
        return []
      default:
        // Never answer an error with an error, which could loop forever.
        if (this.isUp || message.type === 'protocol:error') return this.#options.onMessage(message)
        return [early(message.type, isCommand(message) ? message.command_id : undefined)]
    }
  }

  #fault(...errors: ProtocolError[]) {
    this.#options.logger.warn({ errors }, 'the server sent an invalid message')
    const socket = this.#socket
    for (const error of errors) this.#write(error)
    if (++this.#faults >= FAULTS_IN_A_ROW)
      this.#lost(socket, 'too many invalid messages in a row', CloseCode.protocol_error)
  }

  #write(message: FromDaemon): boolean {
    const socket = this.#socket
    if (!socket) return false
    const drained = () => {
      if (socket === this.#socket && this.isUp) this.#options.onDrained?.()
    }
    const written = write(socket, JSON.stringify(message), drained)
    if (!written) this.#lost(socket, 'the server is not reading (send buffer full)')
    return written
  }

  #welcome(welcome: Welcome): ProtocolError[] {
    if (this.#state !== 'greeting') return []
    const { version } = welcome.protocol
    if (version < PROTOCOL.minimum || version > PROTOCOL.version) {
      this.#refuse(foreignProtocol(version), CloseCode.protocol_version)
      return []
    }
    const { clock, logger } = this.#options
    clock.clearTimeout(this.#greeting!)
    this.#greeting = undefined
    this.#lastError = undefined
    this.#saidRefused = undefined
    this.#heartbeatMs = Math.min(welcome.heartbeat_ms ?? Limits.heartbeat_ms, Limits.heartbeat_ms)
    this.#move('welcomed')
    logger.info({ server_version: welcome.server_version, attempt: this.#attempt }, 'connected')
    this.#welcomed = clock.monotonic()
    this.#beat(this.#welcomed)
    return this.#options.onWelcome(welcome)
  }

  #hear() {
    this.#heard = this.#options.clock.monotonic()
  }

  #beat(last: number) {
    const { clock } = this.#options
    this.#heartbeat = clock.setTimeout(
      () => {
        const now = clock.monotonic()
        // After a stopped or starved process resumes, the socket may hold unread data, so ping again before giving up.
        const late = now - last > 2 * this.#heartbeatMs
        if (!late && now - this.#heard >= Limits.silence_ms)
          return this.#lost(this.#socket, 'the server has gone silent')
        if (now - this.#welcomed > STABLE_MS) this.#attempt = 0
        this.#socket?.ping()
        this.#beat(now)
      },
      nextBeat(this.#heard, last, this.#heartbeatMs),
    )
  }

  #refuse(refusal: Refuse, closeCode?: number) {
    if (refusal.code === 'superseded') return this.#onSuperseded(refusal.message)
    const { logger } = this.#options
    if (this.#saidRefused !== refusal.code)
      logger.error({ code: refusal.code }, `refused by the server: ${refusal.message}`)
    this.#options.onRefused(refusal)
    this.#lost(this.#socket, refusal.message, closeCode, refusedRetryMs(refusal))
    this.#saidRefused = refusal.code
  }

  #onSuperseded(message: string) {
    this.#lastError = message || 'another daemon connected with this machine identity'
    this.#options.onSuperseded(this.#lastError)
    this.#options.logger.error(
      `The server closed the link permanently: ${this.#lastError.replace(/\.$/, '')}. If this machine is a copy of another, delete machine.json in its state folder and enroll it again with --force.`,
    )
    this.close()
  }

  /** Gives up a socket and schedules the next attempt. */
  #lost(socket: WebSocket | undefined, why: string, closeCode?: number, waitMs?: number) {
    if (socket !== this.#socket) return
    const { clock, random, logger } = this.#options
    this.#clear()
    this.#socket = undefined
    if (closeCode !== undefined && socket?.readyState === WebSocket.OPEN) socket.close(closeCode, why)
    // A half-open connection never answers a close, so do not wait for it.
    else socket?.terminate()
    socket?.on('error', () => {})
    const repeated = this.#lastError === why
    this.#lastError = why
    this.#saidRefused = undefined
    this.#move('lost')
    if (this.#state !== 'dialing') return
    const delay =
      waitMs === undefined
        ? fullJitter(this.#attempt, { random })
        : waitMs * (1 + 0.2 * (random ?? Math.random)())
    logger[repeated ? 'debug' : 'warn'](
      { retry_in_ms: Math.round(delay), attempt: this.#attempt },
      `not connected: ${why}`,
    )
    this.#retry = clock.setTimeout(() => void this.#dial(), delay)
  }

  #clear() {
    const { clock } = this.#options
    for (const timer of [this.#retry, this.#greeting, this.#heartbeat]) if (timer) clock.clearTimeout(timer)
    this.#retry = undefined
    this.#greeting = undefined
    this.#heartbeat = undefined
  }
}
