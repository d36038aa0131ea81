import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { defaultUrl } from 'registry-url'
import { homeOf } from '../config/home.ts'
import { reasonOf } from '../platform/errors.ts'
import { readPem } from '../platform/read-at-most.ts'
import { UpdateFailure } from './failure.ts'
import type { Source } from './npm.ts'

/** The registry npm would use, and how it would reach it. */
export interface Registry {
  url: string
  authorization?: string
  /** PEM. */
  ca?: string
  /** Certificate of this machine and its key, PEM. */
  client?: { cert: string; key: string }
  /** Whether any certificate will do: `strict-ssl=false`. */
  anyCertificate: boolean
  /** The host of packages' addresses that stands for the registry's own; undefined for none, `always` for all. */
  replacedHost: string | undefined
  /** Proxies in the names that the rest of the world gives them. */
  proxyEnv: NodeJS.ProcessEnv
}

interface NpmSetting {
  value: string
  /** The variable or the file that has it. */
  source: string
}

/** The registry for a package in npm's settings of this user and machine; undefined where none names one. */
export function registrySet(name: string, env: NodeJS.ProcessEnv): NpmSetting | undefined {
  const setting = npmSettings(env)
  const [, scope] = /^(@[^/]+)\//.exec(name) ?? []
  return (scope === undefined ? undefined : setting(`${scope}:registry`)) ?? setting('registry')
}

/** @throws UpdateFailure where a file that is named cannot be read */
export function registryOf({ package: name, registry, env }: Source): Registry {
  const settings = npmSettings(env)
  const setting = (key: string) => settings(key)?.value
  const found = registry ?? registrySet(name, env)?.value
  const url = (found ?? defaultUrl).replace(/\/+$/, '')
  const own = (key: string) =>
    foldersOf(url)
      .map((folder) => setting(`${folder}:${key}`))
      .find((value) => value !== undefined)
  const authorization = authorizationIn(own)
  const caFile = own('cafile') ?? setting('cafile')
  const ca = caFile === undefined ? setting('ca')?.replaceAll('\\n', '\n') : pemIn(caFile, 'cafile')
  const [certFile, keyFile] = [own('certfile'), own('keyfile')]
  const proxy = setting('proxy')
  const secureProxy = setting('https-proxy') ?? proxy
  const exempt = setting('noproxy')
  return {
    url,
    ...(authorization !== undefined && { authorization }),
    ...(ca !== undefined && { ca }),
    ...(certFile !== undefined &&
      keyFile !== undefined && {
        client: { cert: pemIn(certFile, 'certfile'), key: pemIn(keyFile, 'keyfile') },
      }),
    anyCertificate: setting('strict-ssl') === 'false',
    replacedHost: hostReplaced(setting('replace-registry-host')),
    proxyEnv: {
      ...env,
      ...(secureProxy && { https_proxy: secureProxy }),
      ...(proxy && { http_proxy: proxy }),
      ...(exempt && { no_proxy: exempt }),
    },
  }
}

/** The addresses, without a protocol, whose settings count for a registry: its own, and those of the folders above. */
function foldersOf(url: string): string[] {
  if (!URL.canParse(url)) return []
  const { host, pathname } = new URL(url)
  const names = pathname.split('/').filter((name) => name !== '')
  return [...names.keys(), names.length].reverse().map((n) => `//${[host, ...names.slice(0, n)].join('/')}/`)
}

function authorizationIn(own: (key: string) => string | undefined): string | undefined {
  const token = own('_authToken')
  if (token) return `Bearer ${token}`
  const [username, password] = [own('username'), own('_password')]
  const basic =
    username && password
      ? Buffer.from(`${username}:${Buffer.from(password, 'base64').toString('utf8')}`).toString('base64')
      : own('_auth')
  return basic && `Basic ${basic}`
}

const hostReplaced = (setting = 'npmjs') =>
  setting === 'never' ? undefined : setting === 'npmjs' ? new URL(defaultUrl).host : setting

/** Settings as npm finds them: environment, user's file, the files of its installation. */
function npmSettings(env: NodeJS.ProcessEnv): (key: string) => NpmSetting | undefined {
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
  ].map((path) => readNpmrc(path, env))
  return (key) => [variables, ...files].map((settings) => settings.get(key)).find((found) => found?.value)
}

/** Settings of npm are some lines. */
const NPMRC_BYTES = 1024 * 1024

/** @throws UpdateFailure for a file that cannot be read: without it, updates would come from another registry */
function readNpmrc(path: string, env: NodeJS.ProcessEnv): Map<string, NpmSetting> {
  const settings = new Map<string, NpmSetting>()
  for (const line of npmrcText(path).split('\n')) {
    const [, key, value] = /^\s*([^#;=\s]+)\s*=\s*"?(.*?)"?\s*$/.exec(line) ?? []
    if (key !== undefined && value !== undefined)
      settings.set(key, {
        value: value.replace(/\$\{(\w+)\}/g, (_, variable: string) => env[variable] ?? ''),
        source: path,
      })
  }
  return settings
}

function npmrcText(path: string): string {
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    // /dev/null, for none; from a pipe, nothing may ever come.
    if (!stat?.isFile()) return ''
    if (stat.size > NPMRC_BYTES) throw new Error(`it is over ${NPMRC_BYTES} bytes`)
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new UpdateFailure(
      'update_registry_unreachable',
      'resolve',
      `The settings of npm in ${path} cannot be read: ${reasonOf(cause)}`,
      { remedy: 'Make it a file that the user of the daemon can read.', cause },
    )
  }
}

function pemIn(path: string, setting: string): string {
  try {
    return readPem(path)
  } catch (cause) {
    throw new UpdateFailure(
      'update_registry_unreachable',
      'resolve',
      `${path} cannot be read: ${reasonOf(cause)}`,
      { remedy: `Correct ${setting} in .npmrc.`, cause },
    )
  }
}
