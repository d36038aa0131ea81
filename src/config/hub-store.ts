import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { reasonOf, UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { isLoopback } from './server-url.ts'

/** Variable with the address of the hub's database; it may contain a password, unlike the flag. */
export const HUB_STORE = 'FOMULAR_HUB_STORE'

const PORT = 5432

/** Where a hub keeps its data, if not in its folder. */
export interface DatabaseAddress {
  /** Host, or folder of a Unix socket. */
  host: string
  port: number
  database: string
  user: string
  password?: string | undefined
  /** Encrypts the connection, and checks the certificate of the database and its name. */
  tls: { ca?: string | undefined } | undefined
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
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^postgres(ql)?:$/.test(url.protocol)) throw invalid(name, 'is not the address of a database')
  if (isFlag && url.password !== '')
    throw invalid(
      name,
      'contains a password, which other users of this machine can see',
      `Use --store-password-file FILE, the variable PGPASSWORD, or an address in ${HUB_STORE}.`,
    )
  const params = url.searchParams
  const host = params.get('host') ?? decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1')
  const user = params.get('user') ?? decodeURIComponent(url.username)
  const database = decodeURIComponent(url.pathname.slice(1))
  if (host === '' || user === '' || database === '')
    throw invalid(name, 'lacks a host, a user, or a database')
  return {
    host,
    port: Number(url.port || params.get('port') || PORT),
    database,
    user,
    password: passwordOf(url, flags, env),
    tls: tlsOf(name, host, params),
  }
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
export function placeOf({ host, port, database, user }: DatabaseAddress): string {
  const part = encodeURIComponent
  return host.startsWith('/')
    ? `postgres:///${part(database)}?host=${host}&user=${part(user)}`
    : `postgres://${part(user)}@${host.includes(':') ? `[${host}]` : host}:${port}/${part(database)}`
}

function passwordOf(url: URL, { storePasswordFile }: HubStoreFlags, env: NodeJS.ProcessEnv) {
  if (storePasswordFile !== undefined) return read('--store-password-file', storePasswordFile).trimEnd()
  return decodeURIComponent(url.password) || env.PGPASSWORD || undefined
}

function tlsOf(name: string, host: string, params: URLSearchParams): DatabaseAddress['tls'] {
  const isLocal = host.startsWith('/') || isLoopback(host)
  const mode = params.get('sslmode') ?? (isLocal ? 'disable' : 'verify-full')
  const ca = params.get('sslrootcert')
  if (mode === 'verify-full') return { ca: ca === null ? undefined : read('sslrootcert', ca) }
  if (mode === 'disable' && isLocal) return undefined
  throw invalid(
    name,
    `has sslmode=${mode}, which does not protect the connection`,
    'Use sslmode=verify-full.',
  )
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
