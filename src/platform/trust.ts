import { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { nodeAuthorities, systemAuthorities, systemFingerprint } from './authorities.ts'

/** Certificates that a connection trusts. */
export interface Trust {
  secureContext?: SecureContext
}

export interface Client {
  cert: string
  key: string
}

/**
 * Maximum number of cached TLS contexts: the contexts of the link, the registry, and a hub may be in use at
 * the same time.
 */
const MOST_CONTEXTS = 4
const contexts = new Map<string, SecureContext>()

/**
 * Returns options for a connection to `url`. With TLS, the connection trusts the authorities of Node, of this
 * system, of `NODE_EXTRA_CA_CERTS`, and of `ca`. Without TLS, no file is read. Unusable system files are
 * skipped.
 * @param ca PEM of further authorities
 * @param client certificate that this side presents, and the certificate's key, as PEM
 */
export function trust(
  url: string,
  ca: Buffer | string = '',
  env: NodeJS.ProcessEnv = process.env,
  client?: Client,
): Trust {
  return /^(wss|https):/i.test(url) ? { secureContext: contextFor(ca.toString(), env, client) } : {}
}

function contextFor(ca: string, env: NodeJS.ProcessEnv, client: Client | undefined): SecureContext {
  const key = [systemFingerprint(env), ca, client?.cert, client?.key].join('\n')
  const known = contexts.get(key)
  if (known) return known
  const all = [...new Set([...nodeAuthorities(), ...systemAuthorities(env).certificates])]
  const context = makeContext(all, ca, client)
  const [oldest] = contexts.keys()
  if (contexts.size === MOST_CONTEXTS && oldest !== undefined) contexts.delete(oldest)
  contexts.set(key, context)
  return context
}

/**
 * Creates a TLS context. Omits authorities that Node cannot read.
 * @throws the error of TLS if `ca` is not a certificate
 */
function makeContext(known: string[], ca: string, client: Client | undefined): SecureContext {
  const further = ca === '' ? [] : [ca]
  try {
    return createSecureContext({ ca: [...known, ...further], ...client })
  } catch {
    return createSecureContext({ ca: [...known.filter(isCertificate), ...further], ...client })
  }
}

/** Reports whether Node can read a certificate in PEM. */
export function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}
