import type { Agent } from 'node:http'
import { UserError } from './errors.ts'
import { bareHost, isExempt } from './no-proxy.ts'
import { trust } from './trust.ts'

/**
 * The proxy for a url, from `HTTPS_PROXY` / `HTTP_PROXY` (for `wss:` / `ws:`), `ALL_PROXY` and `NO_PROXY`, in either case.
 * @returns its url, or undefined where the connection is to be direct
 */
export function proxyFor(url: string, env: NodeJS.ProcessEnv): string | undefined {
  const { protocol, hostname, port } = new URL(url)
  const read = (name: string) => env[name.toLowerCase()] || env[name]
  const secure = protocol === 'wss:' || protocol === 'https:'
  const proxy = read(secure ? 'HTTPS_PROXY' : 'HTTP_PROXY') ?? read('ALL_PROXY')
  if (!proxy) return undefined
  const host = bareHost(hostname)
  // No proxy leads back to this machine, whatever the environment says of others.
  if (LOOPBACK.test(host)) return undefined
  if (isExempt(read('NO_PROXY') ?? '', host, port || (secure ? '443' : '80'))) return undefined
  return proxy.includes('://') ? proxy : `http://${proxy}`
}

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|::1)$/

/**
 * The connection agent for that proxy. Loaded only where there is one.
 * @throws UserError for a proxy of a kind that is not known here
 */
export async function proxyAgent(url: string, env: NodeJS.ProcessEnv): Promise<Agent | undefined> {
  const proxy = proxyFor(url, env)
  if (!proxy) return undefined
  const parsed = parse(proxy)
  refuseUndecodable(parsed)
  if (!['http:', 'https:'].includes(parsed.protocol))
    throw unusable(
      `the proxy ${parsed.protocol}//${parsed.host} is of a kind that cannot be used; http: and https: can`,
    )
  const { Tunnel } = await import('./tunnel.ts')
  return new Tunnel(proxy, trust(proxy, '', env))
}

function parse(proxy: string): URL {
  try {
    return new URL(proxy)
  } catch {
    // What it says may hold a password.
    throw unusable('the proxy that the environment names is no address')
  }
}

/** The library decodes both once it has a socket, whose later error nobody would handle. */
function refuseUndecodable({ username, password }: URL) {
  try {
    decodeURIComponent(username)
    decodeURIComponent(password)
  } catch {
    throw unusable(
      'the name or password in the address of the proxy is not percent-encoded',
      'Encode it in HTTPS_PROXY: write each "%" as %25.',
    )
  }
}

const unusable = (
  message: string,
  remedy = 'Set HTTPS_PROXY to http://HOST:PORT (it comes before ALL_PROXY), or name this host in NO_PROXY.',
) => new UserError('proxy_unusable', message, { remedy, exitCode: 2 })
