import { Resolver } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { isLoopback } from '../../config/server-url.ts'
import { Emitter } from '../../platform/emitter.ts'
import { send } from '../../platform/http.ts'
import { isOwn, isPublic } from './public-address.ts'

/** Maximum time for a notification to reach its push service, in milliseconds. */
const SEND_MS = 10_000
/** Maximum time of one attempt to resolve a name, in milliseconds. */
const RESOLVE_MS = 3000

/** Returns the addresses of a host. */
export type Resolve = (host: string) => Promise<string[]>

export interface PushServicesOptions {
  /** Permits push services on this machine, also without TLS. */
  loopback: boolean
  /** By default, asks the name servers of the system. */
  resolve?: Resolve | undefined
}

/** An answer of a push service. Its body is never read. */
export interface PushAnswer {
  status: number
  retryAfter: string | undefined
}

/**
 * Sends messages to push services. A browser chooses its push service, so any address may be an attack on the
 * hub's network: only public addresses are reached, and no redirect is followed.
 */
export class PushServices {
  readonly events = new Emitter<{ answered: [status: number | undefined] }>()
  readonly #loopback: boolean
  readonly #resolve: Resolve
  readonly #open = new Set<AbortController>()

  constructor({ loopback, resolve = addressesOf }: PushServicesOptions) {
    this.#loopback = loopback
    this.#resolve = resolve
  }

  /** Returns the reason why the hub sends nothing to an endpoint; undefined if it may be sent to. */
  objection(endpoint: string): string | undefined {
    if (!URL.canParse(endpoint)) return 'it is not an address'
    const { protocol, hostname, username, password } = new URL(endpoint)
    if (username !== '' || password !== '') return 'it contains a name or password'
    const own = isLoopback(hostname)
    if (own) return this.#loopback ? undefined : 'it is on the hub’s machine'
    if (protocol !== 'https:') return 'it is not an https address'
    const host = bare(hostname)
    return isIP(host) !== 0 && !isPublic(host) ? 'it is not a public address' : undefined
  }

  /** Sends a message. @throws the system's error, or an error about the endpoint */
  async post(endpoint: URL, headers: Record<string, string>, body: Uint8Array): Promise<PushAnswer> {
    const objection = this.objection(endpoint.href)
    if (objection !== undefined) throw new Error(objection)
    const aborter = new AbortController()
    const timer = setTimeout(() => aborter.abort(new Error(`no answer within ${SEND_MS / 1000} s`)), SEND_MS)
    this.#open.add(aborter)
    let status: number | undefined
    try {
      const { signal } = aborter
      const options = { method: 'POST', agent: false, signal, lookup: this.#lookup } as const
      const answer = await send(endpoint, {
        ...options,
        headers: { ...headers, 'content-length': body.length },
        body,
      })
      answer.destroy()
      status = answer.statusCode ?? 0
      return { status, retryAfter: answer.headers['retry-after'] }
    } catch (error) {
      throw aborter.signal.aborted ? aborter.signal.reason : error
    } finally {
      clearTimeout(timer)
      this.#open.delete(aborter)
      this.events.emit('answered', status)
    }
  }

  /** Ends all requests. */
  close() {
    for (const aborter of this.#open) aborter.abort(new Error('the hub is stopping'))
  }

  /** Resolves a name for a connection. The connection uses only addresses that were checked. */
  readonly #lookup: LookupFunction = (host, { all }, callback) => {
    this.#permitted(host).then(
      (found) => {
        const [first] = found
        if (!first) return callback(new Error('its name leads to no public address'), '')
        if (all) callback(null, found)
        else callback(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    )
  }

  async #permitted(host: string) {
    const addresses = isLoopback(host) ? ['127.0.0.1', '::1'] : await this.#resolve(host)
    return addresses
      .filter((address) => isPublic(address) || (this.#loopback && isOwn(address)))
      .map((address) => ({ address, family: isIP(address) }))
  }
}

/**
 * Returns the addresses of a name. Does not use `dns.lookup`, which would occupy one of the few threads that
 * also write files.
 */
async function addressesOf(host: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: RESOLVE_MS, tries: 2 })
  const found = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
  const addresses = found.flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
  const [failed] = found.flatMap((each) => (each.status === 'rejected' ? [each.reason as Error] : []))
  if (addresses.length === 0 && failed) throw failed
  return addresses
}

const bare = (hostname: string) => hostname.replace(/^\[|\]$/g, '')
