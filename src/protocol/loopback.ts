const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const IPV4 = new RegExp(`^127(?:\\.${OCTET}){3}$`)

/**
 * Reports whether traffic to a host stays on this machine.
 * @param hostname as in `URL`, with IPv6 in brackets
 */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase()
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host === '::1' ||
    // An IPv4 address mapped to IPv6.
    /^::ffff:7f[0-9a-f]{2}:/.test(host) ||
    IPV4.test(host)
  )
}
