import { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { nodeAuthorities, systemAuthorities, systemFingerprint } from './authorities.ts'

/** Whose certificates a connection takes. */
export interface Trust {
  secureContext?: SecureContext
}

export interface Client {
  cert: string
  key: string
}

/** A link's, the registry's and a hub's may be in use at the same time. */
const MOST_CONTEXTS = 4
const contexts = new Map<string, SecureContext>()

/**
 * Returns options for a connection to `url`: over TLS, authorities of Node, of this system, of `NODE_EXTRA_CA_CERTS`
 * and of `ca` vouch for the server. Nothing is read for a connection without TLS. System files that cannot be used are passed over.
 * @param ca PEM of further authorities
 * @param client certificate that this side shows, and its key, PEM
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

/** @throws the error of TLS where `ca` is no certificate */
function makeContext(known: string[], ca: string, client: Client | undefined): SecureContext {
  const further = ca === '' ? [] : [ca]
  try {
    return createSecureContext({ ca: [...known, ...further], ...client })
  } catch {
    return createSecureContext({ ca: [...known.filter(isCertificate), ...further], ...client })
  }
}

/** Whether Node can read this certificate, PEM. */
export function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}
