import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Network } from '../../config/trusted-proxies.ts'
import type { Clock } from '../../platform/clock.ts'
import { descriptorLimit } from '../../platform/descriptors.ts'
import type { Logger } from '../../platform/log.ts'
import { Fault } from '../fault.ts'
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
  /** Connections that have shown a user key. */
  clients: number
  /** Streams of them. */
  streams: number
}

/** Strangers and clients have a quarter of the descriptors each at most: the rest is for machines and files. */
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
  /** Those whose `X-Forwarded-For` counts. */
  proxies?: readonly Network[] | undefined
  limits?: Partial<GateLimits> | undefined
  clock: Clock
  logger: Logger
}

/** What is shown to be let in. */
type Credential = 'user key' | 'machine key' | 'enrolment token'

/** Between the network and the hub: knows where requests come from, and keeps strangers and clients from using it up. */
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
    this.#notices = new Notices(clock, logger)
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

  watch(server: Server) {
    server.on('connection', (socket: Socket) => this.#strangers.arrived(socket))
  }

  /** Notes each request before it is dealt with, and ends connections with too many at once. */
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

  /** A request has failed for no reason of its own. */
  failed(request: IncomingMessage, facts: { err: Error; path: string }) {
    // The client has gone in the midst of it.
    if (request.readableAborted) return
    this.#notices.tell(this.addressOf(request), 'request failed', facts, 'error')
  }

  /** A client's request comes with a body. @throws Fault where there is no memory for it */
  admitBody(request: IncomingMessage) {
    this.#bodies.admit(request, this.addressOf(request), this.#clients.keyOf(request.socket))
  }

  /** A request is for a file. @throws Fault where too many for its address are */
  admitDownload(request: IncomingMessage) {
    if (this.#strangers.downloads(request)) return
    this.#notices.tell(this.addressOf(request), 'download refused: there are too many from this address')
    throw new Fault(503, 'too_many_downloads', 'Too many downloads to this address are under way.', {
      remedy: 'Try again when some of them have ended.',
    })
  }

  /** The address of the client, for logs and limits. */
  addressOf(request: Incoming): string {
    return this.#addresses.of(request)
  }

  /** A machine has shown a key that is accepted. */
  admitMachine({ socket }: IncomingMessage) {
    this.#strangers.accepted(socket)
  }

  /**
   * A client has shown a user key that is accepted.
   * @throws Fault where there are too many: it is a stranger still
   */
  admitClient(request: IncomingMessage, key: string) {
    const { socket } = request
    this.#clients.admit(socket, key, this.addressOf(request))
    this.#strangers.accepted(socket)
  }

  /**
   * Notes that what was shown is not accepted.
   * @returns seconds that the address has to wait, because there were many; 0 while it need not
   */
  refuse(request: Incoming, shown: Credential): number {
    const address = this.addressOf(request)
    this.#notices.tell(address, `refused: ${shown} not accepted`)
    return Math.ceil(this.#failures.failed(address) / 1000)
  }

  /** Begins a stream. @throws Fault where there are too many */
  follow(request: IncomingMessage, response: ServerResponse): Follower {
    return this.#followers.follow(this.#readerOf(request, response))
  }

  /**
   * Makes an answer that may be long, when there is memory for it.
   * @param make returns its size, in bytes
   * @throws Fault where the client has gone before
   */
  async answer(request: IncomingMessage, response: ServerResponse, make: () => Promise<number>) {
    const reader = this.#readerOf(request, response)
    this.#unread.watch(reader)
    const bytes = await this.#unread.turn(reader, make, (bytes) => bytes)
    if (bytes === undefined) throw new Fault(503, 'busy', 'Nobody waits for this answer any more.')
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

/** The answer to a credential that is not accepted, from an address of which too many were not. */
export const tooManyFailures = (waitS: number) =>
  new Fault(
    429,
    'too_many_failures',
    'Too many keys or tokens from this address were not accepted, nor is this one.',
    {
      remedy: `Correct it, and try again in ${waitS} s.`,
    },
  )
