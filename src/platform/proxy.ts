import type { Agent } from 'node:http'

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
  const host = bare(hostname)
  // No proxy leads back to this machine, whatever the environment says of others.
  if (LOOPBACK.test(host)) return undefined
  const exempt = (read('NO_PROXY') ?? '').split(/[\s,]+/).filter(Boolean)
  if (exempt.some((entry) => matches(entry.toLowerCase(), host, port || (secure ? '443' : '80'))))
    return undefined
  return proxy.includes('://') ? proxy : `http://${proxy}`
}

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|::1)$/

/** IPv6 addresses stand in brackets in urls, and may elsewhere. */
const bare = (host: string) => host.replace(/^\[|\]$/g, '').toLowerCase()

/** `*`, `host`, `.host` and `*.host` (both with everything beneath it), each with or without `:port`. */
function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  // Colons without brackets are an IPv6 address's own, unless there is just one.
  const [, name = entry, only] = /^(\[.*\]|[^:]*):(\d+)$/.exec(entry) ?? []
  if (only !== undefined && only !== port) return false
  const suffix = bare(name.replace(/^\*?\./, ''))
  return suffix !== '' && (host === suffix || host.endsWith(`.${suffix}`))
}

/** The connection agent for that proxy. Loaded only where there is one. */
export async function proxyAgent(url: string, env: NodeJS.ProcessEnv): Promise<Agent | undefined> {
  const proxy = proxyFor(url, env)
  if (!proxy) return undefined
  const { HttpsProxyAgent } = await import('https-proxy-agent')
  return new HttpsProxyAgent(proxy)
}
