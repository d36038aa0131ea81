import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { resolve } from 'node:path'
import { reasonOf, UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { passwordInPassFile } from './password-of-database.ts'
import { isLoopback } from './server-url.ts'

/** Variable with the address of the hub's database; it may contain a password, unlike the flag. */
export const HUB_STORE = 'FOMULAR_HUB_STORE'

const PORT = 5432
/** Maximum number of hosts: the hub must be able to try all of them while a request waits. */
const MOST_HOSTS = 5

/** A server of the database. */
interface DatabaseHost {
  /** Name or address, or folder of a Unix socket. */
  host: string
  port: number
}

/** Where a hub keeps its data, if not in its folder. */
export interface DatabaseAddress {
  /** Servers of the database, one of which accepts changes. */
  hosts: readonly [DatabaseHost, ...DatabaseHost[]]
  database: string
  user: string
  password?: string | undefined
  /** Encrypts the connection, and checks the certificate of the database. */
  tls: DatabaseTls | undefined
}

export interface DatabaseTls {
  /** Certificates of the authorities (PEM). Default: those of Node.js. */
  ca?: string | undefined
  /** Checks whether the certificate is for the host. */
  checksName: boolean
}

/** A store: the folder of a hub with its files, or a database. */
export type StorePlace = { dir: string } | { address: DatabaseAddress }

export interface HubStoreFlags {
  store?: string | undefined
  storePasswordFile?: string | undefined
}

/** Returns the address of the hub's database; undefined if the hub keeps its data in files. @throws UserError */
export function hubStore(flags: HubStoreFlags, env: NodeJS.ProcessEnv): DatabaseAddress | undefined {
  const text = flags.store ?? (env[HUB_STORE] || undefined)
  if (text === undefined) return undefined
  const isFlag = flags.store !== undefined
  return addressIn(text, { name: isFlag ? '--store' : HUB_STORE, isFlag }, flags, env)
}

function addressIn(
  text: string,
  { name, isFlag }: { name: string; isFlag: boolean },
  flags: HubStoreFlags,
  env: NodeJS.ProcessEnv,
): DatabaseAddress {
  // The standard syntax of URLs has no lists of hosts.
  const [, before, hostText = '', after] =
    /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/s.exec(text) ?? []
  const url =
    before !== undefined && URL.canParse(`${before}host${after}`) && new URL(`${before}host${after}`)
  if (!url) throw invalid(name, 'is not the address of a database')
  const params = url.searchParams
  if (isFlag && (url.password !== '' || params.has('password')))
    throw invalid(
      name,
      'contains a password, which other users of this machine can see',
      `Use --store-password-file FILE, the file ~/.pgpass, the variable PGPASSWORD, or an address in ${HUB_STORE}.`,
    )
  const hosts = hostsIn(name, params.get('host') ?? decode(name, hostText), params.get('port'))
  const user = params.get('user') ?? decode(name, url.username)
  const database = decode(name, url.pathname.slice(1))
  if (user === '' || database === '') throw invalid(name, 'lacks a host, a user, or a database')
  if (!TARGETS.includes(params.get('target_session_attrs') ?? 'primary'))
    throw invalid(
      name,
      `has target_session_attrs=${params.get('target_session_attrs')}, but the hub needs a server that accepts changes`,
      'Remove target_session_attrs.',
    )
  const password =
    flags.storePasswordFile === undefined
      ? decode(name, url.password) || params.get('password') || env.PGPASSWORD || undefined
      : read('--store-password-file', flags.storePasswordFile).trimEnd()
  return {
    hosts,
    database,
    user,
    password: password ?? passwordInPassFile({ hosts, database, user }, env),
    tls: tlsOf(name, hosts, params),
  }
}

/** Values of `target_session_attrs` that are permitted. The hub uses only servers that accept changes. */
const TARGETS = ['any', 'read-write', 'primary']

function hostsIn(name: string, text: string, ports: string | null): DatabaseAddress['hosts'] {
  const numbers = ports === null ? [] : ports.split(',')
  const hosts = text.split(',').map((each, n): DatabaseHost => {
    const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(each) ?? []
    const host = isIPv6(each) ? each : (bracketed ?? plain ?? '')
    const number = Number(port ?? (numbers[n] || numbers[0]) ?? PORT)
    if (host === '') throw invalid(name, 'lacks a host, a user, or a database')
    if (!(Number.isInteger(number) && number > 0 && number < 65_536))
      throw invalid(name, 'has an invalid port')
    return { host, port: number }
  })
  if (hosts.length > MOST_HOSTS) throw invalid(name, `has more than ${MOST_HOSTS} hosts`)
  return hosts as [DatabaseHost, ...DatabaseHost[]]
}

/**
 * Returns the store that an argument names.
 * @param name the argument, for messages
 * @throws UserError
 */
export function storePlace(
  text: string,
  name: string,
  flags: Pick<HubStoreFlags, 'storePasswordFile'>,
  env: NodeJS.ProcessEnv,
): StorePlace {
  if (!/^postgres(ql)?:/.test(text)) return { dir: resolve(text) }
  return { address: addressIn(text, { name, isFlag: true }, flags, env) }
}

/** Returns the address of a database for people, without its password. */
export function placeOf({ hosts, database, user }: DatabaseAddress): string {
  const part = encodeURIComponent
  const [{ host, port }] = hosts
  if (host.startsWith('/'))
    return `postgres:///${part(database)}?host=${host}&port=${port}&user=${part(user)}`
  const places = hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`)
  return `postgres://${part(user)}@${places.join(',')}/${part(database)}`
}

function tlsOf(
  name: string,
  hosts: readonly DatabaseHost[],
  params: URLSearchParams,
): DatabaseAddress['tls'] {
  const areLocal = hosts.every(({ host }) => host.startsWith('/') || isLoopback(host))
  const mode = params.get('sslmode') ?? (areLocal ? 'disable' : 'verify-full')
  const file = params.get('sslrootcert')
  const ca = file === null ? undefined : read('sslrootcert', file)
  if (mode === 'disable' && areLocal) return undefined
  if (mode === 'verify-full') return { ca, checksName: true }
  if (mode === 'verify-ca') {
    // A public authority certifies anyone.
    if (ca !== undefined) return { ca, checksName: false }
    throw invalid(
      name,
      'has sslmode=verify-ca without the certificate of a private authority',
      'Add sslrootcert=FILE, or use sslmode=verify-full.',
    )
  }
  throw invalid(
    name,
    `has sslmode=${mode}, which does not protect the connection`,
    'Use sslmode=verify-full.',
  )
}

function decode(name: string, text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid(name, 'contains an invalid % escape')
  }
}

function read(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UserError('config_invalid', `${name}: ${path} cannot be read: ${reasonOf(error)}.`, {
      remedy: 'Use a file that this user can read.',
      exitCode: EXIT.usage,
    })
  }
}

const invalid = (name: string, problem: string, remedy = 'Use postgres://USER@HOST/DATABASE.') =>
  new UserError('config_invalid', `${name} ${problem}.`, { remedy, exitCode: EXIT.usage })
