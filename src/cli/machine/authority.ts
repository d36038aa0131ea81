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
import { readPem } from '../../platform/read-at-most.ts'
import { trust } from '../../platform/trust.ts'
import { unreachable } from '../../platform/unreachable.ts'
import { EXIT } from '../exit-codes.ts'

const ANSWER_MS = 10_000
/** An authority's file, in bytes, and its certificates: they become part of a line. */
const MOST_BYTES = 64 * 1024
const MOST_CERTIFICATES = 3
/** No chain is as long. */
const MOST_LINKS = 10

export interface Authority {
  /** The certificate of the private authority that vouches for an address, PEM. Absent where every machine knows it. */
  pem?: string
  /** Why that is not known. */
  problem?: string
}

/**
 * Asks an address for its certificate, and finds out who vouches for it as far as this machine can tell.
 * @param known fingerprint of a certificate that this machine knows to be the hub's
 */
export async function authorityOf(address: string, known?: string): Promise<Authority> {
  if (!address.startsWith('https:')) return {}
  try {
    // What machines know everywhere, without what this one has been told (its own store, NODE_EXTRA_CA_CERTS).
    if ((await ask(address, { ca: [...rootCertificates] })).trusted) return {}
    const { trusted, problem, root, fingerprint256, misnamed } = await ask(address)
    if (root && (trusted || (fingerprint256 === known && !misnamed)))
      return { pem: new X509Certificate(root).toString() }
    return {
      problem: `its certificate is not trusted here (${misnamed ?? problem ?? 'its authority was not shown'})`,
    }
  } catch (error) {
    return { problem: unreachable(error as Error) }
  }
}

/** The certificate that an address shows, whoever vouches for it. @throws Error where it shows none */
export const certificateOf = (address: string): Promise<Shown> => ask(address)

interface Shown {
  trusted: boolean
  fingerprint256: string
  /** Names and IP addresses that it is for. */
  names: string[]
  /** What is wrong with it for the host that was asked. */
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

/** Names with other characters, which Node quotes, are left out. */
const namesOf = ({ subjectaltname = '' }: DetailedPeerCertificate) =>
  [...subjectaltname.matchAll(/(?:^|, )(?:DNS|IP Address):([a-z0-9.:*_-]+)(?=,|$)/gi)].map(
    ([, name = '']) => name,
  )

/** Node gives its code, where its types promise an error. */
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

/** The certificates in a file, PEM, without what else is in it. @throws UserError */
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
  if (found.length === 0) throw fail('has no certificate in it.')
  if (found.length > MOST_CERTIFICATES)
    throw fail(`has ${found.length} certificates in it, too many for a line to paste.`)
  try {
    // Written anew: one form for all.
    return found.map((pem) => new X509Certificate(pem).toString()).join('')
  } catch {
    throw fail('has a certificate in it that is damaged.')
  }
}
