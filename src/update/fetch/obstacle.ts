import { proxyFor, proxySetting } from '../../platform/proxy.ts'
import { causeOf, isUntrustedCode } from '../../platform/unreachable.ts'
import { type Stage, UpdateFailure, withoutSecrets } from '../failure.ts'
import { namesUnset } from './npm-settings.ts'
import type { Registry } from './npmrc.ts'

/** A failed request to a registry. */
export interface Obstacle {
  stage: Stage
  /** The requested package. */
  package: string
  /** The requested address. */
  url: string
  proxies: Registry['proxies']
  incomplete: Registry['incomplete']
  /** HTTP status. */
  status?: number
  /** Error code of the system, of TLS, or of this program. */
  code?: string | undefined
  /** Message of the original error, for error codes without a better message in this file. */
  said?: string | undefined
  /** Remedy of the original error, which takes precedence over the remedies in this file. */
  remedy?: string | undefined
  cause?: unknown
}

/** Error code for an answer that does not come from a registry. */
export const NO_REGISTRY = 'NO_REGISTRY'

/** Returns the failure for a failed request: the reason in one sentence, with a remedy. */
export function obstacleFailure(obstacle: Obstacle): UpdateFailure {
  const { stage, cause, package: name, status } = obstacle
  const { message, remedy } = status === undefined ? failed(obstacle) : answered(status, obstacle)
  const code = status === 404 ? 'update_version_not_found' : 'update_registry_unreachable'
  const incomplete = isPassing(status) ? [] : obstacle.incomplete()
  const [more, instead] = incomplete.length === 0 ? [] : namesUnset(incomplete)
  return new UpdateFailure(
    code,
    stage,
    [message.replace('PACKAGE', () => name), more].filter(Boolean).join(' '),
    { remedy, ...instead, cause },
  )
}

/** Reports whether an HTTP status means that the registry has a temporary failure. */
const isPassing = (status = 0) => status === 429 || status >= 500

const registryAt = (url: string) => `The registry ${originOf(url)}`

function originOf(url: string): string {
  try {
    return new URL(url).origin
  } catch {
    return withoutSecrets(url)
  }
}

function answered(status: number, { url, stage, proxies }: Obstacle): { message: string; remedy: string } {
  const registry = registryAt(url)
  const host = originOf(url).replace(/^https?:/, '')
  switch (status) {
    case 401:
    case 403:
      return {
        message: `${registry} denies access to this machine (HTTP ${status}).`,
        remedy: `Put a token for it into the ~/.npmrc of the daemon's user: ${host}/:_authToken=…`,
      }
    case 404:
      return {
        message:
          stage === 'resolve'
            ? `${registry} has no package PACKAGE.`
            : `${registry} lists the package PACKAGE, but does not have the file of the package.`,
        remedy:
          'Check registry and package under [update] in the configuration file, and registry in ~/.npmrc; a private registry may need a token there.',
      }
    case 407:
      return {
        message:
          `The proxy ${proxyName(url, proxies) ?? ''} on the way to the registry requires a username and password.`.replace(
            '  ',
            ' ',
          ),
        remedy: `Add the username and password to the proxy's address, which the daemon reads from ${settingOf(url, proxies)}.`,
      }
    case 429:
      return { message: `${registry} reports too many requests (HTTP 429).`, remedy: 'Try again later.' }
    default:
      return isPassing(status)
        ? { message: `${registry} is unavailable (HTTP ${status}).`, remedy: 'Try again later.' }
        : {
            message: `${registry} answered with HTTP ${status}.`,
            remedy: `Check that ${originOf(url)} is the address of an npm registry.`,
          }
  }
}

function failed({ url, proxies, code = '', said, remedy }: Obstacle): { message: string; remedy: string } {
  const registry = registryAt(url)
  const proxy = proxyName(url, proxies)
  const way = proxy === undefined ? '' : ` through the proxy ${proxy}`
  if (code === NO_REGISTRY)
    return {
      message: `${originOf(url)} does not answer like an npm registry.`,
      remedy:
        'Check registry under [update] in the configuration file or in ~/.npmrc, and make sure that no login page on the network intercepts the request.',
    }
  if (isUntrustedCode(code))
    return {
      message: `${registry} has a certificate from an authority that this system does not know (${code}).`,
      remedy: "Add the authority's certificate to this system, or set cafile in ~/.npmrc to its path.",
    }
  const known = causeOf(code)
  const why = known === undefined ? withoutSecrets(said ?? code) : `${known} (${code})`
  return {
    message: `${registry} cannot be reached${way}: ${why}.`.replace(/\.\.$/, '.'),
    remedy:
      remedy ??
      (/CERT|^EPROTO|SSL/.test(code)
        ? "Check the registry's address and certificate, and this machine's clock."
        : proxy === undefined
          ? `Check this machine's network; if it needs a proxy, set ${settingOf(url, proxies)} for the daemon.`
          : `Check the proxy, and ${settingOf(url, proxies)} of the daemon.`),
  }
}

/** Returns the name of the setting with the proxy for an address. */
const settingOf = (url: string, { env, named }: Registry['proxies']) => proxySetting(url, env, named)

/** Returns the host of the proxy for an address. */
function proxyName(url: string, { env }: Registry['proxies']): string | undefined {
  try {
    const proxy = proxyFor(url, env)
    return proxy && new URL(proxy).host
  } catch {
    return undefined
  }
}
