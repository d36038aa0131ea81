import type { Agent } from 'node:http'
import { UserError } from './errors.ts'
import { bareHost, isExempt } from './no-proxy.ts'
import { trust } from './trust.ts'

/** By the variable's name, what has its value where that is no variable: a setting in a file. */
export type Named = Readonly<Record<string, string>>

/**
 * The proxy for a url, from `HTTPS_PROXY` / `HTTP_PROXY` (for `wss:` / `ws:`), `ALL_PROXY` and `NO_PROXY`, in either case.
 * @returns its url, or undefined where the connection is to be direct
 */
export function proxyFor(url: string, env: NodeJS.ProcessEnv): string | undefined {
  const { hostname, port } = new URL(url)
  const proxy = env[variableFor(url, env)]
  if (!proxy) return undefined
  const host = bareHost(hostname)
  // No proxy leads back to this machine, whatever the environment says of others.
  if (LOOPBACK.test(host)) return undefined
  if (isExempt(env[spelled('NO_PROXY', env)] ?? '', host, port || (isSecure(url) ? '443' : '80')))
    return undefined
  return proxy.includes('://') ? proxy : `http://${proxy}`
}

const isSecure = (url: string) => /^(wss|https):/i.test(url)

/** The lower case counts first. */
const spelled = (name: string, env: NodeJS.ProcessEnv) =>
  env[name.toLowerCase()] ? name.toLowerCase() : name

const ownVariable = (url: string, env: NodeJS.ProcessEnv) =>
  spelled(isSecure(url) ? 'HTTPS_PROXY' : 'HTTP_PROXY', env)

function variableFor(url: string, env: NodeJS.ProcessEnv): string {
  const own = ownVariable(url, env)
  return env[own] === undefined ? spelled('ALL_PROXY', env) : own
}

/** The setting by which the proxy for a url can be changed: what comes before it does not count. */
export function proxySetting(url: string, env: NodeJS.ProcessEnv, named: Named = {}): string {
  const own = ownVariable(url, env)
  return named[own] ?? own
}

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|::1)$/

/**
 * The connection agent for that proxy. Loaded only where there is one.
 * @throws UserError for a proxy of a kind that is not known here
 */
export async function proxyAgent(
  url: string,
  env: NodeJS.ProcessEnv,
  named?: Named,
): Promise<Agent | undefined> {
  const proxy = usableProxy(url, env, named)
  if (!proxy) return undefined
  const { Tunnel } = await import('./tunnel.ts')
  return new Tunnel(proxy.href, trust(proxy.href, '', env))
}

/** The proxy for a url. @throws UserError for one of a kind that is not known here */
export function usableProxy(url: string, env: NodeJS.ProcessEnv, named: Named = {}): URL | undefined {
  const proxy = proxyFor(url, env)
  if (!proxy) return undefined
  const [own, variable, others] = [ownVariable(url, env), variableFor(url, env), spelled('NO_PROXY', env)]
  const nameOf = (name: string) => named[name] ?? name
  const before = own === variable ? '' : ` (it comes before ${variable})`
  const remedy = `Set ${nameOf(own)} to http://HOST:PORT${before}, or name this host in ${nameOf(others)}.`
  const unusable = (message: string, what = remedy) =>
    new UserError('proxy_unusable', message, { remedy: what, exitCode: 2 })
  // What it says may hold a password.
  if (!URL.canParse(proxy)) throw unusable(`the proxy that ${nameOf(variable)} names is no address`)
  const parsed = new URL(proxy)
  if (![parsed.username, parsed.password].every(isDecodable))
    throw unusable(
      'the name or password in the address of the proxy is not percent-encoded',
      `Encode it in ${nameOf(variable)}: write each "%" as %25.`,
    )
  if (['http:', 'https:'].includes(parsed.protocol)) return parsed
  throw unusable(
    `the proxy ${parsed.protocol}//${parsed.host} is of a kind that cannot be used; http: and https: can`,
  )
}

/** The library decodes both once it has a socket, whose later error nobody would handle. */
function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
