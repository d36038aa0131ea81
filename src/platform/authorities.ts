import { readdirSync, readFileSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import * as tls from 'node:tls'
import { reasonOf } from './errors.ts'
import { fingerprint } from './files.ts'

/** Certificate bundles of Debian and Alpine, Red Hat, SUSE, and BSD. The first file that exists is used. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/var/lib/ca-certificates/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]
const FOLDERS = ['/etc/ssl/certs']
/** Form of the names by which OpenSSL finds certificates in a folder. */
const HASHED = /^[0-9a-f]{8}\.\d{1,3}$/
const CERTIFICATE = /-----BEGIN (X509 )?CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END (X509 )?CERTIFICATE-----/g
/** Maximum size of one file, in bytes. The bundle of a typical system has 0.2 to 0.5 MB. */
const FILE_BYTES = 8 * 1024 * 1024
/** Maximum number of files read from a folder, and maximum number of certificates used. */
const MOST_FILES = 1000
const MOST_CERTIFICATES = 2000

interface AuthoritySource {
  /** Path of a file or folder; `system` for the keychain of macOS. */
  path: string
  /** Number of certificates found there. */
  certificates: number
  /** Reason why the source is not used, or is used only in part. */
  problem?: string
}

export interface Authorities {
  /** PEM, without duplicates. */
  certificates: string[]
  sources: AuthoritySource[]
}

/** Returns the authorities that Node itself trusts, as PEM. */
export const nodeAuthorities = (): readonly string[] =>
  getCACertificates()?.('default') ?? tls.rootCertificates

/**
 * Returns the authorities of this system, and the authorities that `NODE_EXTRA_CA_CERTS` names. Reads the
 * same files as OpenSSL and curl, and on macOS also the keychain. Node itself has been able to do this since
 * versions 22.19 and 24.5. But Node reads the files only once per process, and would miss later changes.
 */
export function systemAuthorities(env: NodeJS.ProcessEnv): Authorities {
  const places = placesOf(env)
  const reads = places.map(({ path, folder }) => ({ path, ...(folder ? readFolder(path) : read(path)) }))
  const keychain = process.platform === 'darwin' ? readKeychain() : undefined
  if (keychain) reads.push(keychain)
  const certificates = [...new Set(reads.flatMap(({ found }) => found))]
  return {
    certificates: certificates.slice(0, MOST_CERTIFICATES),
    sources: reads.map(({ path, found, problem }) => ({
      path,
      certificates: found.length,
      ...(problem !== undefined && { problem }),
    })),
  }
}

/** Returns a value that changes when the files of `systemAuthorities` change. */
export const systemFingerprint = (env: NodeJS.ProcessEnv): string =>
  placesOf(env)
    .map(({ path }) => `${path}=${fingerprintOf(path)}`)
    .join('\n')

interface Place {
  path: string
  folder: boolean
}

function placesOf({ SSL_CERT_FILE, SSL_CERT_DIR, NODE_EXTRA_CA_CERTS }: NodeJS.ProcessEnv): Place[] {
  const file = SSL_CERT_FILE || BUNDLES.find((path) => fingerprintOf(path) !== '')
  const folders = SSL_CERT_DIR
    ? SSL_CERT_DIR.split(delimiter).filter(Boolean)
    : FOLDERS.filter((path) => fingerprintOf(path) !== '')
  return [
    ...(file ? [{ path: file, folder: false }] : []),
    ...folders.map((path) => ({ path, folder: true })),
    ...(NODE_EXTRA_CA_CERTS ? [{ path: NODE_EXTRA_CA_CERTS, folder: false }] : []),
  ]
}

interface Read {
  found: string[]
  problem?: string
}

function read(path: string): Read {
  try {
    const stat = statSync(path)
    // A pipe may never deliver anything.
    if (!stat.isFile()) throw new Error('it is not a file')
    if (stat.size > FILE_BYTES) throw new Error(`it is longer than ${FILE_BYTES} bytes`)
    const found = readFileSync(path, 'latin1').match(CERTIFICATE) ?? []
    return { found, ...(found.length === 0 && { problem: 'it contains no certificate' }) }
  } catch (error) {
    return { found: [], problem: reasonOf(error) }
  }
}

function readFolder(path: string): Read {
  try {
    const names = readdirSync(path).filter((name) => HASHED.test(name))
    const reads = names.slice(0, MOST_FILES).map((name) => read(join(path, name)))
    const broken = reads.filter(({ problem }) => problem !== undefined).length
    const problem = [
      ...(broken > 0 ? [`${broken} of its ${names.length} certificates cannot be read`] : []),
      ...(names.length > MOST_FILES ? [`only ${MOST_FILES} of its ${names.length} files are read`] : []),
    ].join('; ')
    return {
      found: reads.flatMap(({ found }) => found),
      ...(problem !== '' && { problem }),
    }
  } catch (error) {
    return { found: [], problem: reasonOf(error) }
  }
}

function readKeychain(): (Read & { path: string }) | undefined {
  try {
    const found = getCACertificates()?.('system')
    return found && { path: 'system', found }
  } catch (error) {
    return { path: 'system', found: [], problem: reasonOf(error) }
  }
}

/** Returns undefined in older versions of Node, which lack `getCACertificates`. */
const getCACertificates = () =>
  (tls as { getCACertificates?: (type: 'default' | 'system') => string[] }).getCACertificates

function fingerprintOf(path: string): string {
  try {
    return fingerprint(path)
  } catch {
    // This user may not access the folder of the file.
    return ''
  }
}
