import type { RequestOptions } from 'node:https'
import { isIP } from 'node:net'
import { urlToHttpOptions } from 'node:url'
import { type Named, proxyAgent, usableProxy } from './proxy.ts'
import { trust } from './trust.ts'

type Way = Omit<RequestOptions, 'headers'> & { headers?: Record<string, string> }

/**
 * Returns options for a request to `target`, directly or by the proxy for it. A proxy is asked for what has no TLS
 * itself: many lead to the ports of TLS only. No connection is kept.
 * @throws UserError for a proxy of a kind that is not known here
 */
export async function wayTo(target: URL, env: NodeJS.ProcessEnv, named?: Named): Promise<Way> {
  const { headers: _, ...options } = urlToHttpOptions(target)
  const direct: Way = { ...options, agent: false }
  if (target.protocol === 'https:')
    return { ...direct, agent: (await proxyAgent(target.href, env, named)) ?? false }
  const proxy = usableProxy(target.href, env, named)
  if (!proxy) return direct
  const { protocol, hostname, port, auth } = urlToHttpOptions(proxy)
  return {
    agent: false,
    protocol,
    hostname,
    port,
    auth: direct.auth,
    path: target.origin + target.pathname + target.search,
    headers: {
      host: target.host,
      ...(auth && { 'proxy-authorization': `Basic ${Buffer.from(auth).toString('base64')}` }),
    },
    // Node would take the name from the header.
    servername: isIP(proxy.hostname.replace(/^\[|\]$/g, '')) ? '' : proxy.hostname,
    ...trust(proxy.href, '', env),
  }
}
