import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import {
  type ConnectionOptions,
  checkServerIdentity,
  connect,
  type DetailedPeerCertificate,
  rootCertificates,
} from 'node:tls'
import { reasonOf, UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { readPem } from '../../platform/read-at-most.ts'
import { trust } from '../../platform/trust.ts'
import { unreachable } from '../../platform/unreachable.ts'

const ANSWER_MS = 10_000
/**
 * Maximum size of an authority's file, in bytes, and maximum number of its certificates. The certificates
 * become part of a line to paste.
 */
const MOST_BYTES = 64 * 1024
const MOST_CERTIFICATES = 3
/** Maximum number of certificates in a chain. Real chains are shorter. */
const MOST_LINKS = 10

export interface Authority {
  /**
   * Certificate of the private authority that signed an address's certificate, PEM. Absent for a public
   * authority.
   */
  pem?: string
  /** Reason why the authority is unknown. */
  problem?: string
}

/**
 * Connects to an address, and finds the authority that signed its certificate.
 * @param known fingerprint of a certificate that is known to be the hub's
 */
export async function authorityOf(address: string, known?: string): Promise<Authority> {
  if (!address.startsWith('https:')) return {}
  try {
    // Trust only public authorities here, not authorities from this machine's store or NODE_EXTRA_CA_CERTS.
    if ((await ask(address, { ca: [...rootCertificates] })).trusted) return {}
    const { trusted, problem, root, fingerprint256, misnamed } = await ask(address)
    if (root && (trusted || (fingerprint256 === known && !misnamed)))
      return { pem: new X509Certificate(root).toString() }
    return {
      problem: `its certificate is not trusted here (${misnamed ?? problem ?? 'it did not send its authority'})`,
    }
  } catch (error) {
    return { problem: unreachable(error as Error) }
  }
}

/** Returns the certificate of an address, trusted or not. @throws Error if the address has none */
export const certificateOf = (address: string): Promise<Shown> => ask(address)

interface Shown {
  trusted: boolean
  fingerprint256: string
  /** Names and IP addresses in the certificate. */
  names: string[]
  /** Mismatch between the certificate and the requested host. */
  misnamed?: string | undefined
  problem?: string | undefined
  /** The last certificate of the chain, DER. */
  root?: Buffer | undefined
}

function ask(address: string, options: ConnectionOptions = trust(address)): Promise<Shown> {
  const { hostname, port } = new URL(address)
  const host = hostname.replace(/^\[|\]$/g, '')
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(port || 443),
      rejectUnauthorized: false,
      ...(isIP(host) === 0 && { servername: host }),
      ...options,
    })
    socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error(`no answer within ${ANSWER_MS / 1000} s`)))
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      const { authorized, authorizationError } = socket
      const certificate = socket.getPeerCertificate(true)
      resolve({
        trusted: authorized,
        fingerprint256: certificate.fingerprint256,
        names: namesOf(certificate),
        misnamed: checkServerIdentity(host, certificate)?.message,
        problem: errorText(authorizationError),
        root: rootOf(certificate),
      })
      socket.destroy()
    })
  })
}

/** Returns the names in a certificate, except those with characters that Node quotes. */
const namesOf = ({ subjectaltname = '' }: DetailedPeerCertificate) =>
  [...subjectaltname.matchAll(/(?:^|, )(?:DNS|IP Address):([a-z0-9.:*_-]+)(?=,|$)/gi)].map(
    ([, name = '']) => name,
  )

/** Node passes a code here, although its types promise an error. */
const errorText = (error: unknown) =>
  error instanceof Error ? error.message : error ? String(error) : undefined

function rootOf(certificate: DetailedPeerCertificate | undefined): Buffer | undefined {
  let last = certificate
  for (let links = 0; last?.issuerCertificate && links < MOST_LINKS; links++) {
    if (last.issuerCertificate.fingerprint256 === last.fingerprint256) return last.raw
    last = last.issuerCertificate
  }
  return undefined
}

/** Returns the certificates in a PEM file, without the file's other text. @throws UserError */
export function readAuthority(path: string): string {
  const fail = (problem: string) =>
    new UserError('ca_unreadable', `--ca-file: ${path} ${problem}`, {
      remedy: 'Give a PEM file with the certificate of the authority.',
      exitCode: EXIT.usage,
    })
  let text: string
  try {
    text = readPem(path)
  } catch (error) {
    throw fail(`cannot be read: ${reasonOf(error)}`)
  }
  if (text.length > MOST_BYTES) throw fail('is too long for a line to paste.')
  const found = text.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? []
  if (found.length === 0) throw fail('contains no certificate.')
  if (found.length > MOST_CERTIFICATES)
    throw fail(`contains ${found.length} certificates, too many for a line to paste.`)
  try {
    // Bring all certificates into the same form.
    return found.map((pem) => new X509Certificate(pem).toString()).join('')
  } catch {
    throw fail('contains a damaged certificate.')
  }
}
