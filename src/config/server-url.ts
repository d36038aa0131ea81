import { isIPv4 } from 'node:net'
import { UserError } from '../platform/errors.ts'

/** Whether traffic to this host never leaves the machine. @param hostname as `URL` gives it, IPv6 in brackets */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase()
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host === '::1' ||
    // An address of IPv4, as IPv6 has it.
    /^::ffff:7f[0-9a-f]{2}:/.test(host) ||
    (isIPv4(host) && host.startsWith('127.'))
  )
}

/** Whether a server's address is another machine's. */
export const isElsewhere = (url: string) => URL.canParse(url) && !isLoopback(new URL(url).hostname)

/**
 * The server's WebSocket address. http and https stand for ws and wss.
 * @param source how the user would name where it comes from, for the error
 * @throws UserError
 */
export function serverUrl(text: string, source: string, allowInsecure: boolean): string {
  const fail = (problem: string, remedy: string) =>
    new UserError('config_invalid', `${source}: ${problem}`, { remedy, exitCode: 2 })
  const example = 'Use wss://host/path, or ws://localhost:3001 for a server on this machine.'
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw fail(`"${text}" is not a server's address.`, example)
  }
  if (/^https?:$/.test(url.protocol)) url = new URL(text.replace(/^http/i, 'ws'))
  if (!/^wss?:$/.test(url.protocol)) throw fail(`"${text}" is not a WebSocket address.`, example)
  if (url.username || url.password)
    throw fail('the address has a name or password in it.', 'Give the key with --key-file instead.')
  if (url.protocol === 'ws:' && !allowInsecure && !isLoopback(url.hostname))
    throw fail(
      `${url.origin} is not encrypted, and not on this machine: the key and all activity could be read on the way.`,
      `Use wss://${url.host}, or --allow-insecure if the network itself is private.`,
    )
  url.hash = ''
  return url.href.replace(/\/$/, '')
}
