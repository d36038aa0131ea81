import type { IncomingMessage } from 'node:http'
import { type Call, send as sendOver } from '../../platform/http.ts'
import { type Reached, routeOfCommand } from './route.ts'

/** A request to a hub. */
export interface HubCall extends Pick<Call, 'method' | 'headers' | 'body' | 'timeout'>, Reached {
  /** An additional certificate authority, in PEM. Default: the authority in the settings. */
  ca?: Buffer | undefined
  /** Fingerprint of the only certificate to accept. With it, no certificate authority is needed. */
  fingerprint256?: string | undefined
  /** Returns the transport. Default: a new connection for each request. */
  route?: typeof routeOfCommand
}

/** Sends a command's request to a hub. Aborting the signal also stops reading the answer. */
export async function send(
  url: string,
  { ca, fingerprint256, route: routeOf = routeOfCommand, socket, owner, enrolling, signal, ...call }: HubCall,
): Promise<IncomingMessage> {
  const pinned = fingerprint256 === undefined ? undefined : await pinnedTo(fingerprint256, url, signal)
  const route = pinned
    ? { createConnection: () => pinned }
    : await routeOf(url, { socket, owner, enrolling, signal })
  return sendOver(url, {
    ...call,
    ...(signal && { signal }),
    ...route,
    ...(route.createConnection || !url.startsWith('https:') ? {} : await trusted(url, ca)),
  })
}

async function pinnedTo(fingerprint256: string, url: string, signal?: AbortSignal) {
  const { connectPinned } = await import('./pinned.ts')
  return connectPinned(url, fingerprint256, signal)
}

/** Returns the authorities for a hub over TLS. */
async function trusted(url: string, ca: Buffer | undefined) {
  const [{ hubAuthority }, { trust }] = await Promise.all([
    import('../../config/hub-authority.ts'),
    import('../../platform/trust.ts'),
  ])
  return trust(url, ca ?? (await hubAuthority(url, process.env)))
}
