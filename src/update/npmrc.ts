import { readFileSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { defaultUrl } from 'registry-url'
import { homeOf } from '../config/home.ts'
import { reasonOf, systemCode } from '../platform/errors.ts'
import type { Named } from '../platform/proxy.ts'
import { readPem } from '../platform/read-at-most.ts'
import type { Client } from '../platform/trust.ts'
import { UpdateFailure } from './failure.ts'
import type { Source } from './npm.ts'
import { checkOurs, type Trusting } from './npm-files.ts'

/** The registry npm would use, and how it would reach it. */
export interface Registry {
  url: string
  /** Returns what lets this machine in at an address, of the registry or of another host. */
  credentials: (address: string) => Credentials
  /** PEM. */
  ca?: string
  /** Whether any certificate will do: `strict-ssl=false`. */
  anyCertificate: boolean
  /** The host of packages' addresses that stands for the registry's own; undefined for none, `always` for all. */
  replacedHost: string | undefined
  /** How often it is asked again: `fetch-retries`. */
  retries?: number
  /** Proxies in the names that the rest of the world gives them, and the settings that stand behind these. */
  proxies: { env: NodeJS.ProcessEnv; named: Named }
}

interface Credentials {
  authorization?: string
  /** Certificate of this machine and its key, PEM. */
  client?: Client
}

interface NpmSetting {
  value: string
  /** The variable or the file that has it. */
  source: string
}

/**
 * The registry for a package in npm's settings of this user and machine; undefined where none names one.
 * @throws UpdateFailure
 */
export function registrySet(name: string, env: NodeJS.ProcessEnv): NpmSetting | undefined {
  const setting = npmSettings({ env })
  const [, scope] = /^(@[^/]+)\//.exec(name) ?? []
  return (scope === undefined ? undefined : setting(`${scope}:registry`)) ?? setting('registry')
}

/** @throws UpdateFailure where a file that is named cannot be read, or is another user's */
export function registryOf(source: Source): Registry {
  const { package: name, registry, env } = source
  const settings = npmSettings(source)
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
  }
}

const isSameHost = (one: string, other: string) =>
  URL.canParse(one) && URL.canParse(other) && new URL(one).host === new URL(other).host

/** `npm config set proxy null` is the usual advice for none. */
const proxyIn = <T extends { value: string }>(setting: T | undefined) =>
  setting === undefined || ['null', 'false', 'undefined'].includes(setting.value) ? undefined : setting

/** Folders above an address that may have settings: a registry's package is a few deep. */
const MOST_FOLDERS = 32

/** The addresses, without a protocol, whose settings count for another: its own first, then those of the folders above. */
function foldersOf(address: string): string[] {
  if (!URL.canParse(address)) return []
  const { host, pathname } = new URL(address)
  const names = pathname.split('/', MOST_FOLDERS).filter((name) => name !== '')
  return [...names.keys(), names.length]
    .reverse()
    .map((n) => `//${[host, ...names.slice(0, n)].join('/')}`)
    .flatMap((folder) => [`${folder}/`, folder])
}

/** @returns undefined where nothing is set */
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

/** Settings as npm finds them: environment, user's file, the files of its installation. */
function npmSettings(reader: Trusting): (key: string) => NpmSetting | undefined {
  const { env } = reader
  const variables = new Map(
    Object.entries(env).flatMap(([source, value]) => {
      const [, key] = /^npm_config_(.+)$/i.exec(source) ?? []
      // npm writes `https-proxy` as `https_proxy` there; keys with a slash, as tokens have, stay as they are.
      return key === undefined || !value
        ? []
        : [[key.includes('/') ? key : key.toLowerCase().replace(/(?!^)_/g, '-'), { value, source }] as const]
    }),
  )
  const files = [
    variables.get('userconfig')?.value ?? join(homeOf(env), '.npmrc'),
    variables.get('globalconfig')?.value ?? join(dirname(process.execPath), '../etc/npmrc'),
    '/etc/npmrc',
  ].map((path) => readNpmrc(path, reader))
  return (key) => [variables, ...files].map((settings) => settings.get(key)).find((found) => found?.value)
}

/** Settings of npm are some lines. */
const NPMRC_BYTES = 1024 * 1024

/** @throws UpdateFailure for a file that cannot be read: without it, updates would come from another registry */
function readNpmrc(path: string, reader: Trusting): Map<string, NpmSetting> {
  const settings = new Map<string, NpmSetting>()
  const filledIn = (text: string) =>
    // This program's own, a machine key among them, are no registry's business, whoever has written the file.
    text.replace(/\$\{(?!FOMULAR_)(\w+)\??\}/g, (_, variable: string) => reader.env[variable] ?? '')
  for (const line of npmrcText(path, reader).split('\n')) {
    const [, key, rest] = /^\s*([^#;=\s]+)\s*=\s*(.*)$/.exec(line) ?? []
    if (key === undefined || rest === undefined) continue
    const name = filledIn(key.replace(/\[\]$/, ''))
    const value = filledIn(npmValue(rest.trim()))
    // Of a list, as `ca[]` is.
    const before = key.endsWith('[]') ? settings.get(name)?.value : undefined
    settings.set(name, { value: before === undefined ? value : `${before}\n\n${value}`, source: path })
  }
  return settings
}

/** What npm reads there: in quotes, or up to a comment. */
function npmValue(text: string): string {
  const quoted = /^(["'])(.*)\1$/.exec(text)?.[2]
  if (quoted !== undefined) return quoted
  const [plain = ''] = /^(\\.|[^\\;#])*/.exec(text) ?? []
  return plain.replace(/\\([\\;#])/g, '$1').trim()
}

function npmrcText(path: string, reader: Trusting): string {
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    // /dev/null, for none; from a pipe, nothing may ever come.
    if (!stat?.isFile()) return ''
    checkOurs(path, reader)
    if (stat.size > NPMRC_BYTES) throw new Error(`it is over ${NPMRC_BYTES} bytes`)
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof UpdateFailure) throw cause
    throw new UpdateFailure(
      'update_registry_unreachable',
      'resolve',
      `The settings of npm in ${path} cannot be read: ${reasonOf(cause)}`,
      { remedy: 'Make it a file that the user of the daemon can read.', cause },
    )
  }
}

/** @returns undefined where there is none: npm goes on without it @throws UpdateFailure */
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
      `${path} cannot be read: ${reasonOf(cause)}`,
      { remedy: `Correct ${setting} in .npmrc.`, cause },
    )
  }
}
