import type { Agent } from 'node:http'
import { UserError } from './errors.ts'
import { EXIT } from './exit-codes.ts'
import { bareHost, isExempt } from './no-proxy.ts'
import { trust } from './trust.ts'

/** For each variable whose value comes from a setting in a file: the name of the setting. */
export type Named = Readonly<Record<string, string>>

/**
 * Returns the proxy for a URL, from `HTTPS_PROXY` / `HTTP_PROXY` (for `wss:` / `ws:`), `ALL_PROXY` and
 * `NO_PROXY`, in upper or lower case. An empty variable means no proxy.
 * @returns its URL, or undefined for a direct connection
 */
export function proxyFor(url: string, env: NodeJS.ProcessEnv): string | undefined {
  const { hostname, port } = new URL(url)
  const proxy = env[variableFor(url, env)]
  if (!proxy) return undefined
  const host = bareHost(hostname)
  // Never use a proxy for a loopback address: the proxy would connect to its own machine instead of this one.
  if (LOOPBACK.test(host)) return undefined
  if (isExempt(env[spelled('NO_PROXY', env)] ?? '', host, port || (isSecure(url) ? '443' : '80')))
    return undefined
  return proxy.includes('://') ? proxy : `http://${proxy}`
}

const isSecure = (url: string) => /^(wss|https):/i.test(url)

/**
 * Returns the name of the variable to read. The name in lower case is read if that variable has a value, or
 * if only that variable is set; otherwise, the name in upper case is read.
 */
function spelled(name: string, env: NodeJS.ProcessEnv): string {
  const lower = name.toLowerCase()
  return env[lower] || (env[lower] !== undefined && env[name] === undefined) ? lower : name
}

const ownVariable = (url: string, env: NodeJS.ProcessEnv) =>
  spelled(isSecure(url) ? 'HTTPS_PROXY' : 'HTTP_PROXY', env)

function variableFor(url: string, env: NodeJS.ProcessEnv): string {
  const own = ownVariable(url, env)
  return env[own] === undefined ? spelled('ALL_PROXY', env) : own
}

/**
 * Returns the variable that has the highest precedence for the proxy of a URL. If a setting provides the
 * variable's value, returns the setting.
 */
export function proxySetting(url: string, env: NodeJS.ProcessEnv, named: Named = {}): string {
  const own = ownVariable(url, env)
  return named[own] ?? own
}

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|::1)$/

/**
 * Returns the connection agent for the proxy of a URL. Loads the agent's code only if there is a proxy.
 * @throws UserError for an unknown kind of proxy
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

/** Returns the proxy for a URL. @throws UserError for an unknown kind of proxy */
export function usableProxy(url: string, env: NodeJS.ProcessEnv, named: Named = {}): URL | undefined {
  const proxy = proxyFor(url, env)
  if (!proxy) return undefined
  const [own, variable, others] = [ownVariable(url, env), variableFor(url, env), spelled('NO_PROXY', env)]
  const nameOf = (name: string) => named[name] ?? name
  const before = own === variable ? '' : ` (it comes before ${variable})`
  const remedy = `Set ${nameOf(own)} to http://HOST:PORT${before}, or name this host in ${nameOf(others)}.`
  const unusable = (message: string, what = remedy) =>
    new UserError('proxy_unusable', message, { remedy: what, exitCode: EXIT.usage })
  // The value may contain a password.
  if (!URL.canParse(proxy)) throw unusable(`the proxy in ${nameOf(variable)} is not an address`)
  const parsed = new URL(proxy)
  if (![parsed.username, parsed.password].every(isDecodable))
    throw unusable(
      'the username or password in the address of the proxy is not percent-encoded',
      `Encode it in ${nameOf(variable)}: write each "%" as %25.`,
    )
  if (['http:', 'https:'].includes(parsed.protocol)) return parsed
  throw unusable(
    `the proxy ${parsed.protocol}//${parsed.host} cannot be used: only http: and https: are supported`,
  )
}

/**
 * Reports whether percent-encoded text can be decoded. The library decodes the text only when it has a
 * socket. An error at that time would be unhandled.
 */
function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
