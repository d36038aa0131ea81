import { BlockList, isIP } from 'node:net'

/** Returns a host in the form in which names are compared: in lower case, without brackets or a final dot. */
export const bareHost = (host: string) =>
  host
    .replace(/^\[|\]$/g, '')
    .toLowerCase()
    .replace(/\.$/, '')

/**
 * Reports whether `NO_PROXY` exempts a host. Its entries are separated by commas or spaces: `host`, `.host`
 * and `*.host` (each including subdomains), an address, or a network (`10.0.0.0/8`, `fd00::/8`). In each
 * entry, `*` can stand for any text, and a `:port` can follow.
 */
export function isExempt(noProxy: string, host: string, port: string): boolean {
  const bare = bareHost(host)
  return noProxy.split(/[\s,]+/).some((entry) => entry !== '' && matches(entry, bare, port))
}

function matches(entry: string, host: string, port: string): boolean {
  // Without brackets, a single colon precedes a port; several colons belong to an IPv6 address.
  const [, name = entry, only] = /^(\[.*\](?:\/\d+)?|[^:]*):(\d+)$/.exec(entry) ?? []
  if (only !== undefined && only !== port) return false
  const [, address = name, bits] = /^(.*)\/(\d{1,3})$/.exec(name) ?? []
  const kind = isIP(bareHost(address))
  if (kind !== 0) return contains(bareHost(address), kind, bits, host)
  const suffix = bareHost(name.replace(/^\*?\./, ''))
  if (suffix === '') return false
  // An address has no subdomains.
  if (!suffix.includes('*')) return host === suffix || (isIP(host) === 0 && host.endsWith(`.${suffix}`))
  return fits(host, suffix.split('*'))
}

/**
 * Reports whether a host is the same address as `address`, in any spelling, or is in the network with the
 * prefix length `bits`. Does not look up the addresses of host names.
 */
function contains(address: string, kind: number, bits: string | undefined, host: string): boolean {
  const of = isIP(host)
  const width = kind === 6 ? 128 : 32
  const prefix = bits === undefined ? width : Number(bits)
  if (of === 0 || prefix > width) return false
  const network = new BlockList()
  network.addSubnet(address, prefix, kind === 6 ? 'ipv6' : 'ipv4')
  return network.check(host, of === 6 ? 'ipv6' : 'ipv4')
}

/**
 * Reports whether a text consists of these parts in order, with any text between two parts. Takes one pass.
 */
function fits(text: string, [first = '', ...parts]: string[]): boolean {
  const last = parts.pop() ?? ''
  const end = text.length - last.length
  if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false
  let at = first.length
  for (const part of parts) {
    const found = text.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  return at <= end
}
