import { proxyFor, proxySetting } from '../platform/proxy.ts'
import { causeOf, isUntrustedCode } from '../platform/unreachable.ts'
import { type Stage, UpdateFailure, withoutSecrets } from './failure.ts'
import type { Registry } from './npmrc.ts'

/** What came of asking a registry for something. */
export interface Obstacle {
  stage: Stage
  /** The package that was wanted. */
  package: string
  /** What was asked for. */
  url: string
  proxies: Registry['proxies']
  /** Of HTTP. */
  status?: number
  /** The system's, TLS's or this program's. */
  code?: string | undefined
  /** Its own words where nothing here knows better. */
  said?: string | undefined
  /** Its own advice, likewise. */
  remedy?: string | undefined
  cause?: unknown
}

/** An answer that is no registry's. */
export const NO_REGISTRY = 'NO_REGISTRY'

/** Why the registry gave nothing, in a sentence, with what to do about it. */
export function obstacleFailure(obstacle: Obstacle): UpdateFailure {
  const { stage, cause, package: name, status } = obstacle
  const { message, remedy } = status === undefined ? failed(obstacle) : answered(status, obstacle)
  const code = status === 404 ? 'update_version_not_found' : 'update_registry_unreachable'
  return new UpdateFailure(
    code,
    stage,
    message.replace('PACKAGE', () => name),
    { remedy, cause },
  )
}

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
        message: `${registry} does not let this machine in (HTTP ${status}).`,
        remedy: `Give the daemon's user a token for it in ~/.npmrc, as npm needs it: ${host}/:_authToken=…`,
      }
    case 404:
      return {
        message:
          stage === 'resolve'
            ? `${registry} has no package PACKAGE.`
            : `${registry} lists the package PACKAGE, but does not have its file.`,
        remedy:
          'Check registry and package under [update] in the configuration file, and registry in ~/.npmrc; a private registry may want a token there.',
      }
    case 407:
      return {
        message:
          `The proxy ${proxyName(url, proxies) ?? ''} on the way to the registry asks for a name and password.`.replace(
            '  ',
            ' ',
          ),
        remedy: `Put them into the address in ${settingOf(url, proxies)}, for the daemon.`,
      }
    case 429:
      return { message: `${registry} is asked too often (HTTP 429).`, remedy: 'Try again later.' }
    default:
      return status >= 500
        ? { message: `${registry} is out of order (HTTP ${status}).`, remedy: 'Try again later.' }
        : {
            message: `${registry} answers HTTP ${status}.`,
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
      message: `${originOf(url)} does not answer as a registry of npm packages.`,
      remedy:
        'Check registry under [update] in the configuration file or in ~/.npmrc, and that no login page of the network stands in between.',
    }
  if (isUntrustedCode(code))
    return {
      message: `${registry} has a certificate by an authority unknown here (${code}).`,
      remedy: "Add that authority's certificate to those of this system, or name it as cafile in ~/.npmrc.",
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
          ? `Check the network of this machine; where it needs a proxy, set ${settingOf(url, proxies)} for the daemon.`
          : `Check that proxy, and ${settingOf(url, proxies)} of the daemon.`),
  }
}

/** Where the proxy for an address is to be set. */
const settingOf = (url: string, { env, named }: Registry['proxies']) => proxySetting(url, env, named)

/** The proxy's host. */
function proxyName(url: string, { env }: Registry['proxies']): string | undefined {
  try {
    const proxy = proxyFor(url, env)
    return proxy && new URL(proxy).host
  } catch {
    return undefined
  }
}
