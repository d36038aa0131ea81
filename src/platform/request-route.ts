import type { RequestOptions } from 'node:https'
import { isIP } from 'node:net'
import { urlToHttpOptions } from 'node:url'
import { type Named, proxyAgent, usableProxy } from './proxy.ts'
import { trust } from './trust.ts'

type Route = Omit<RequestOptions, 'headers'> & { headers?: Record<string, string> }

/**
 * Returns options for a request to `target`, directly or through its proxy. For a target without TLS, sends
 * the request to the proxy without CONNECT, because many proxies allow CONNECT only to TLS ports. Connections
 * are not kept alive.
 * @throws UserError for an unknown kind of proxy
 */
export async function requestRoute(target: URL, env: NodeJS.ProcessEnv, named?: Named): Promise<Route> {
  const { headers: _, ...options } = urlToHttpOptions(target)
  const direct: Route = { ...options, agent: false }
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
    // Set the server name, because Node would otherwise take it from the `host` header.
    servername: isIP(proxy.hostname.replace(/^\[|\]$/g, '')) ? '' : proxy.hostname,
    ...trust(proxy.href, '', env),
  }
}
