import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import type { Network } from '../../config/trusted-proxies.ts'

/** What the parts of this folder know of a request: where it comes from. */
export type Incoming = Pick<IncomingMessage, 'headers'> & {
  socket: Pick<IncomingMessage['socket'], 'remoteAddress'>
}

/** The address of a connection within this machine that has none, such as by a Unix socket. */
const LOCAL = 'local'
/** More entries of a forwarding header than proxies in a row. */
const MOST_HOPS = 32

/** Where requests come from, also through proxies that are trusted to say so. */
export class Addresses {
  readonly #proxies = new BlockList()

  constructor(proxies: readonly Network[] = []) {
    for (const { address, bits, family } of proxies) this.#proxies.addSubnet(address, bits, family)
  }

  /** Whether a connection is a trusted proxy's, and therefore none of a client's own. */
  isProxy(remote: string | undefined): boolean {
    const address = plain(remote)
    const family = familyOf(address)
    return family !== undefined && this.#proxies.check(address, family)
  }

  /** The address of the client, as the last proxy that is not trusted, or the client itself, was seen with. */
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

/** Addresses that are counted together: whoever has one of IPv6 has 2⁶⁴ of them. */
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

/** Without what a socket for both kinds of address puts before one of IPv4, and without the port that some proxies add. */
function plain(address: string | undefined): string {
  if (address === undefined) return LOCAL
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(address) ?? []
  const [, v4] = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)(?::\d+)?$/i.exec(bracketed ?? address) ?? []
  return v4 ?? bracketed ?? address
}

const familyOf = (address: string): 'ipv4' | 'ipv6' | undefined =>
  isIP(address) === 4 ? 'ipv4' : isIP(address) === 6 ? 'ipv6' : undefined
