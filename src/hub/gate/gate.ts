import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Network } from '../../config/trusted-proxies.ts'
import type { Clock } from '../../platform/clock.ts'
import { descriptorLimit } from '../../platform/descriptors.ts'
import type { Logger } from '../../platform/log.ts'
import { HttpError } from '../http-error.ts'
import { Addresses, type Incoming } from './address.ts'
import { Bodies } from './bodies.ts'
import { Clients } from './clients.ts'
import { Failures } from './failures.ts'
import { type Follower, Followers } from './followers.ts'
import { Greetings } from './greetings.ts'
import { Notices } from './notices.ts'
import { type StrangerLimits, Strangers } from './strangers.ts'
import { inTurn } from './turns.ts'
import { type Reader, Unread } from './unread.ts'

export interface GateLimits extends StrangerLimits {
  /** Maximum number of connections with user keys. */
  clients: number
  /** Maximum number of streams. */
  streams: number
}

/**
 * Returns the default limits. A quarter of the descriptors is for clients, and a quarter is for connections
 * without a key. Machines and files get the remaining half.
 */
export function gateLimits(descriptors = descriptorLimit()): GateLimits {
  const quarter = Math.max(32, Math.floor(descriptors / 4))
  return {
    strangers: Math.min(2048, quarter),
    strangers_of_address: 64,
    patience_ms: 10_000,
    grace_ms: 2000,
    stall_ms: 30_000,
    clients: quarter,
    streams: Math.min(1000, Math.floor(quarter / 2)),
  }
}

export interface GateOptions {
  /** Proxies whose `X-Forwarded-For` is trusted. */
  proxies?: readonly Network[] | undefined
  limits?: Partial<GateLimits> | undefined
  clock: Clock
  logger: Logger
}

/** Kinds of credentials, for log lines. */
type Credential = 'user key' | 'machine key' | 'enrollment token' | 'session' | 'sign-in token'

/**
 * The gate between the network and the hub. Determines the addresses of clients. Limits clients, and
 * connections without a key.
 */
export class Gate {
  readonly #limits: GateLimits
  readonly #addresses: Addresses
  readonly #notices: Notices
  readonly #failures: Failures
  readonly #strangers: Strangers
  readonly #clients: Clients
  readonly #bodies: Bodies
  readonly greetings: Greetings
  readonly #unread: Unread
  readonly #followers: Followers

  constructor({ proxies, limits, clock, logger }: GateOptions) {
    this.#limits = { ...gateLimits(), ...limits }
    this.#addresses = new Addresses(proxies)
    this.#notices = new Notices({ clock, logger })
    this.#failures = new Failures(clock)
    const notices = this.#notices
    const isProxy = (address: string) => this.#addresses.isProxy(address)
    this.#strangers = new Strangers({ limits: this.#limits, isProxy, clock, notices })
    this.#clients = new Clients(this.#limits.clients, notices)
    this.#bodies = new Bodies(notices)
    this.greetings = new Greetings(notices)
    this.#unread = new Unread({ stallMs: this.#limits.stall_ms, clock, notices })
    this.#followers = new Followers({ most: this.#limits.streams, notices, unread: this.#unread })
  }

  /** Number of open streams. */
  get streams(): number {
    return this.#followers.size
  }

  watch(server: Server) {
    server.on('connection', (socket: Socket) => this.#strangers.onArrival(socket))
  }

  /**
   * Returns a listener that registers each request before it calls the given listener, and that ends
   * connections with too many requests at once.
   */
  before(listener: RequestListener): RequestListener {
    return inTurn(
      (request, response) => {
        this.#strangers.asks(request, response)
        listener(request, response)
      },
      (request) => {
        this.#notices.tell(this.addressOf(request), 'connection ended: too many requests at once')
        request.socket.destroy()
      },
    )
  }

  /** Logs a request that failed with an unexpected error. */
  onError(request: IncomingMessage, facts: { err: Error; path: string }) {
    // The client disconnected during the request.
    if (request.readableAborted) return
    this.#notices.tell(this.addressOf(request), 'request failed', facts, 'error')
  }

  /** Reserves memory for the body of a client's request. @throws HttpError if there is no memory */
  admitBody(request: IncomingMessage) {
    this.#bodies.admit(request, this.addressOf(request), this.#clients.keyOf(request.socket))
  }

  /** Admits a download. @throws HttpError if the client's address has too many downloads */
  admitDownload(request: IncomingMessage) {
    if (this.#strangers.downloads(request)) return
    this.#notices.tell(this.addressOf(request), 'download refused: too many from this address')
    throw new HttpError(503, 'too_many_downloads', 'This address has too many downloads at once.', {
      remedy: 'Try again when some of them have finished.',
    })
  }

  /** Returns the address of the client, for logs and limits. */
  addressOf(request: Incoming): string {
    return this.#addresses.of(request)
  }

  /** Reports whether the client uses TLS, to the hub or to a trusted proxy. */
  isSecure({ headers, socket }: IncomingMessage): boolean {
    if ('encrypted' in socket) return true
    const [scheme = ''] = [headers['x-forwarded-proto'] ?? []].flat().join(',').split(',')
    return this.#addresses.isProxy(socket.remoteAddress) && scheme.trim().toLowerCase() === 'https'
  }

  /** Admits a connection with an accepted machine key. */
  admitMachine({ socket }: IncomingMessage) {
    this.#strangers.onAccepted(socket)
  }

  /**
   * Admits a connection with an accepted user key.
   * @throws HttpError if there are too many clients; the connection then remains one without a key
   */
  admitClient(request: IncomingMessage, key: string) {
    const { socket } = request
    this.#clients.admit(socket, key, this.addressOf(request))
    this.#strangers.onAccepted(socket)
  }

  /**
   * Counts and logs an invalid credential.
   * @returns the time that the address must wait because of too many failures, in seconds; 0 if none
   */
  refuse(request: Incoming, shown: Credential): number {
    const address = this.addressOf(request)
    this.#notices.tell(address, `refused: ${shown} not accepted`)
    return Math.ceil(this.#failures.add(address) / 1000)
  }

  /** Begins a stream. @throws HttpError if there are too many */
  follow(request: IncomingMessage, response: ServerResponse): Follower {
    return this.#followers.follow(this.#readerOf(request, response))
  }

  /**
   * Waits for memory, and then builds an answer that may be long.
   * @param make builds the answer and returns its size in bytes
   * @throws HttpError if the client disconnects before there is memory
   */
  async answer(request: IncomingMessage, response: ServerResponse, make: () => Promise<number>) {
    const reader = this.#readerOf(request, response)
    this.#unread.watch(reader)
    const bytes = await this.#unread.turn(reader, make, (bytes) => bytes)
    if (bytes === undefined) throw new HttpError(503, 'busy', 'The client has disconnected.')
  }

  #readerOf(request: IncomingMessage, response: ServerResponse): Reader {
    return { response, address: this.addressOf(request), key: this.#clients.keyOf(request.socket) }
  }

  close() {
    this.#strangers.close()
    this.#unread.close()
    this.#notices.close()
  }
}

/** Returns the answer to an invalid credential from an address with too many invalid credentials. */
export const tooManyFailures = (waitS: number) =>
  new HttpError(
    429,
    'too_many_failures',
    'This key or token is invalid, and this address has sent too many invalid ones.',
    {
      remedy: `Correct it and try again in ${waitS} s.`,
    },
    waitS,
  )
