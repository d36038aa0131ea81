import { BlockList, isIP } from 'node:net'

/** A host as names are compared: without brackets, in small letters, without the root's dot. */
export const bareHost = (host: string) =>
  host
    .replace(/^\[|\]$/g, '')
    .toLowerCase()
    .replace(/\.$/, '')

/**
 * Whether `NO_PROXY` exempts a host. Its entries, between commas or spaces: `host`, `.host` and `*.host` (all with
 * everything beneath it), an address, a network (`10.0.0.0/8`, `fd00::/8`), and any of them with `*` for some part; each
 * with or without `:port`.
 */
export function isExempt(noProxy: string, host: string, port: string): boolean {
  const bare = bareHost(host)
  return noProxy.split(/[\s,]+/).some((entry) => entry !== '' && matches(entry, bare, port))
}

function matches(entry: string, host: string, port: string): boolean {
  // Colons without brackets are an IPv6 address's own, unless there is just one.
  const [, name = entry, only] = /^(\[.*\](?:\/\d+)?|[^:]*):(\d+)$/.exec(entry) ?? []
  if (only !== undefined && only !== port) return false
  const [, address = name, bits] = /^(.*)\/(\d{1,3})$/.exec(name) ?? []
  const kind = isIP(bareHost(address))
  if (kind !== 0) return contains(bareHost(address), kind, bits, host)
  const suffix = bareHost(name.replace(/^\*?\./, ''))
  if (suffix === '') return false
  // An address has nothing beneath it.
  if (!suffix.includes('*')) return host === suffix || (isIP(host) === 0 && host.endsWith(`.${suffix}`))
  return fits(host, suffix.split('*'))
}

/** Whether the host is that address, however written, or in that network. Names are not looked up. */
function contains(address: string, kind: number, bits: string | undefined, host: string): boolean {
  const of = isIP(host)
  const width = kind === 6 ? 128 : 32
  const prefix = bits === undefined ? width : Number(bits)
  if (of === 0 || prefix > width) return false
  const network = new BlockList()
  network.addSubnet(address, prefix, kind === 6 ? 'ipv6' : 'ipv4')
  return network.check(host, of === 6 ? 'ipv6' : 'ipv4')
}

/** Whether text consists of these parts, in this order, with anything between them: in no more than one pass. */
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
