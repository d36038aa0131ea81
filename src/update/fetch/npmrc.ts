import { isAbsolute } from 'node:path'
import { defaultUrl } from 'registry-url'
import { homeOf } from '../../config/home.ts'
import { reasonOf, systemCode } from '../../platform/errors.ts'
import type { Named } from '../../platform/proxy.ts'
import { readPem } from '../../platform/read-at-most.ts'
import type { Client } from '../../platform/trust.ts'
import { UpdateFailure } from '../failure.ts'
import type { Source } from './npm.ts'
import { checkOurs, type Trusting } from './npm-files.ts'
import { type NpmSetting, namesUnset, npmSettings } from './npm-settings.ts'

/** The registry that npm would use, and the settings with which npm would reach it. */
export interface Registry {
  url: string
  /**
   * Returns this machine's credentials for an address, which may be on the registry's host or on another
   * host.
   */
  credentials: (address: string) => Credentials
  /** Certificate authorities, PEM. */
  ca?: string
  /** True if any certificate is accepted: `strict-ssl=false`. */
  anyCertificate: boolean
  /**
   * Host in the addresses of packages that is replaced with the registry's host: undefined for no host,
   * `always` for every host.
   */
  replacedHost: string | undefined
  /** Number of retries: `fetch-retries`. */
  retries?: number
  /**
   * Proxies in the form of standard environment variables, and the npm settings from which the variables
   * come.
   */
  proxies: { env: NodeJS.ProcessEnv; named: Named }
  /** Returns the settings that were ignored so far because they name an unset variable. */
  incomplete: () => NpmSetting[]
}

interface Credentials {
  authorization?: string
  /** This machine's client certificate and the certificate's key, PEM. */
  client?: Client
}

/**
 * Returns the registry for a package from npm's settings of this user and machine; undefined if none is set.
 * @throws UpdateFailure
 */
export function registrySet(name: string, env: NodeJS.ProcessEnv): NpmSetting | undefined {
  const { setting } = npmSettings({ env })
  const [, scope] = /^(@[^/]+)\//.exec(name) ?? []
  const found = (scope === undefined ? undefined : setting(`${scope}:registry`)) ?? setting('registry')
  // npm would ignore a registry with an unset variable, and use its default registry.
  if (found?.unset !== undefined)
    throw new UpdateFailure('update_registry_unreachable', 'resolve', ...namesUnset([found]))
  return found
}

/** @throws UpdateFailure if a file named in the settings cannot be read, or belongs to another user */
export function registryOf(source: Source): Registry {
  const { package: name, registry, env } = source
  const { setting: lookUp, unknown } = npmSettings(source)
  const incomplete = new Set(unknown)
  const settings = (key: string) => {
    const found = lookUp(key)
    if (found?.unset === undefined) return found
    incomplete.add(found)
    return undefined
  }
  const setting = (key: string) => settings(key)?.value
  const found = registry ?? registrySet(name, env)?.value
  const url = (found ?? defaultUrl).replace(/\/+$/, '')
  const nearest = <T>(address: string, read: (own: (key: string) => string | undefined) => T | undefined) =>
    foldersOf(address)
      .map((folder) => read((key) => setting(`${folder}:${key}`)))
      .find((found) => found !== undefined)
  const keyed = (address: string) => nearest(address, (own) => credentialsIn(own, source))
  const caFile = nearest(url, (own) => own('cafile')) ?? setting('cafile')
  const pem = (name: string) => setting(name)?.replaceAll('\\n', '\n')
  const ca = (caFile && pemIn(caFile.replace(/^~(?=\/)/, homeOf(env)), 'cafile', source)) ?? pem('ca')
  const [cert, key] = [pem('cert'), pem('key')]
  const usual: Credentials = cert && key ? { client: { cert, key } } : {}
  const named = (key: string) => {
    const found = settings(key)
    return found && { ...found, name: isAbsolute(found.source) ? `${key} in ${found.source}` : found.source }
  }
  const proxy = proxyIn(named('proxy'))
  const secureProxy = proxyIn(named('https-proxy')) ?? proxy
  const exempt = named('noproxy')
  const retries = setting('fetch-retries')
  return {
    url,
    credentials: (address) => ({
      ...usual,
      ...(keyed(address) ?? (isSameHost(address, url) ? keyed(url) : undefined)),
    }),
    ...(ca !== undefined && { ca }),
    anyCertificate: setting('strict-ssl') === 'false',
    ...(retries !== undefined && { retries: Number(retries) }),
    replacedHost: hostReplaced(setting('replace-registry-host')),
    proxies: {
      env: {
        ...env,
        ...(secureProxy && { https_proxy: secureProxy.value }),
        ...(proxy && { http_proxy: proxy.value }),
        ...(exempt && { no_proxy: exempt.value }),
      },
      named: {
        ...(secureProxy && { https_proxy: secureProxy.name }),
        ...(proxy && { http_proxy: proxy.name }),
        ...(exempt && { no_proxy: exempt.name }),
      },
    },
    incomplete: () => [...incomplete],
  }
}

const isSameHost = (one: string, other: string) =>
  URL.canParse(one) && URL.canParse(other) && new URL(one).host === new URL(other).host

/**
 * Returns a proxy setting. A value such as null counts as no setting, because `npm config set proxy null` is
 * the usual way to remove a proxy.
 */
const proxyIn = <T extends { value: string }>(setting: T | undefined) =>
  setting === undefined || ['null', 'false', 'undefined'].includes(setting.value) ? undefined : setting

/**
 * Maximum number of folders in an address for which settings are looked up. The packages of a registry are
 * only a few levels deep.
 */
const MOST_FOLDERS = 32

/**
 * Returns the keys of the settings that apply to an address: the address itself without its protocol, then
 * the folders above it.
 */
function foldersOf(address: string): string[] {
  if (!URL.canParse(address)) return []
  const { protocol, host, port, pathname } = new URL(address)
  // `URL` omits the default port, but a key may contain it.
  const hosts = port === '' ? [host, `${host}:${protocol === 'https:' ? 443 : 80}`] : [host]
  const names = pathname.split('/', MOST_FOLDERS).filter((name) => name !== '')
  return [...names.keys(), names.length]
    .reverse()
    .flatMap((n) => hosts.map((host) => `//${[host, ...names.slice(0, n)].join('/')}`))
    .flatMap((folder) => [`${folder}/`, folder])
}

/** @returns undefined if none are set */
function credentialsIn(own: (key: string) => string | undefined, reader: Trusting): Credentials | undefined {
  const authorization = authorizationIn(own)
  const [certFile, keyFile] = [own('certfile'), own('keyfile')]
  if (authorization === undefined && !(certFile && keyFile)) return undefined
  const cert = certFile && keyFile && pemIn(certFile, 'certfile', reader)
  const key = cert && keyFile && pemIn(keyFile, 'keyfile', reader)
  return { ...(authorization && { authorization }), ...(cert && key && { client: { cert, key } }) }
}

function authorizationIn(own: (key: string) => string | undefined): string | undefined {
  const token = own('_authToken')
  if (token) return `Bearer ${token}`
  const [username, password] = [own('username'), own('_password')]
  const basic =
    own('_auth') ??
    (username && password && btoaUtf8(`${username}:${Buffer.from(password, 'base64').toString('utf8')}`))
  return basic && `Basic ${basic}`
}

const btoaUtf8 = (text: string) => Buffer.from(text).toString('base64')

const hostReplaced = (setting = 'npmjs') =>
  setting === 'never' ? undefined : setting === 'npmjs' ? new URL(defaultUrl).host : setting

/** @returns undefined if the file does not exist: npm also ignores a missing file @throws UpdateFailure */
function pemIn(path: string, setting: string, reader: Trusting): string | undefined {
  try {
    const pem = readPem(path)
    checkOurs(path, reader)
    return pem
  } catch (cause) {
    if (cause instanceof UpdateFailure) throw cause
    if (systemCode(cause) === 'ENOENT') return undefined
    throw new UpdateFailure(
      'update_registry_unreachable',
      'resolve',
      `Cannot read ${path}: ${reasonOf(cause)}`,
      { remedy: `Correct ${setting} in .npmrc.`, cause },
    )
  }
}
