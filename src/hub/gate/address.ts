import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import type { Network } from '../../config/trusted-proxies.ts'

/** The parts of a request from which its address is determined. */
export type Incoming = Pick<IncomingMessage, 'headers'> & {
  socket: Pick<IncomingMessage['socket'], 'remoteAddress'>
}

/** Placeholder for the address of connections without an address, such as connections to the Unix socket. */
const LOCAL = 'local'
/** Maximum number of entries of a forwarding header to examine; more than any real chain of proxies. */
const MOST_HOPS = 32

/** Determines the addresses of clients, including clients behind trusted proxies. */
export class Addresses {
  readonly #proxies = new BlockList()

  constructor(proxies: readonly Network[] = []) {
    for (const { address, bits, family } of proxies) this.#proxies.addSubnet(address, bits, family)
  }

  /** Reports whether an address is a trusted proxy's. */
  isProxy(remote: string | undefined): boolean {
    const address = plain(remote)
    const family = familyOf(address)
    return family !== undefined && this.#proxies.check(address, family)
  }

  /** Returns the address of the client: the last address in the chain that is not a trusted proxy's. */
  of({ headers, socket }: Incoming): string {
    const remote = plain(socket.remoteAddress)
    if (!this.isProxy(remote)) return remote
    const forwarded = [headers['x-forwarded-for'] ?? []].flat().join(',').split(',').slice(-MOST_HOPS)
    let client = remote
    for (const hop of forwarded.reverse()) {
      const address = plain(hop.trim())
      if (!familyOf(address)) break
      client = address
      if (!this.isProxy(address)) break
    }
    return client
  }
}

/** Returns the network that counts as one address: an IPv6 client usually has a /64, with 2⁶⁴ addresses. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address
  const [head = '', tail] = address.split('%')[0]!.split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...front, ...Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0'), ...back]
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}

/**
 * Returns an address without the IPv4-mapped prefix of dual-stack sockets, and without the port that some
 * proxies add.
 */
function plain(address: string | undefined): string {
  if (address === undefined) return LOCAL
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(address) ?? []
  const [, v4] = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)(?::\d+)?$/i.exec(bracketed ?? address) ?? []
  return v4 ?? bracketed ?? address
}

const familyOf = (address: string): 'ipv4' | 'ipv6' | undefined =>
  isIP(address) === 4 ? 'ipv4' : isIP(address) === 6 ? 'ipv6' : undefined
