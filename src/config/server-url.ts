import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { isLoopback } from '../protocol/loopback.ts'

export { isLoopback }

/** Reports whether a server's address leads to another machine. */
export const isElsewhere = (url: string) => URL.canParse(url) && !isLoopback(new URL(url).hostname)

/**
 * Returns the server's WebSocket address. http and https stand for ws and wss.
 * @param source name of the address's source, for error messages
 * @throws UserError
 */
export function serverUrl(text: string, source: string, allowInsecure: boolean): string {
  const fail = (problem: string, remedy: string) =>
    new UserError('config_invalid', `${source}: ${problem}`, { remedy, exitCode: EXIT.usage })
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
    throw fail('the address contains a username or password.', 'Give the key with --key-file instead.')
  if (url.protocol === 'ws:' && !allowInsecure && !isLoopback(url.hostname))
    throw fail(
      `${url.origin} is on another machine, and not encrypted: others could read the key and all activity on the way.`,
      `Use wss://${url.host}, or --allow-insecure if the network itself is private.`,
    )
  url.hash = ''
  return url.href.replace(/\/$/, '')
}
