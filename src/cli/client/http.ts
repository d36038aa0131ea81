import type { IncomingMessage } from 'node:http'
import { hubAuthority } from '../../config/hub-authority.ts'
import { type Call, send as sendOver } from '../../platform/http.ts'
import { trust } from '../../platform/trust.ts'
import { connectPinned } from './pinned.ts'
import { type Reached, routeOfCommand } from './route.ts'

/** A request to a hub. */
export interface HubCall extends Pick<Call, 'method' | 'headers' | 'body' | 'timeout'>, Reached {
  /** An additional certificate authority, in PEM. Default: the authority in the settings. */
  ca?: Buffer | undefined
  /** Fingerprint of the only certificate to accept. With it, no certificate authority is needed. */
  fingerprint256?: string | undefined
}

/** Sends a command's request to a hub. Aborting the signal also stops reading the answer. */
export async function send(
  url: string,
  { ca, fingerprint256, socket, owner, enrolling, signal, ...call }: HubCall,
): Promise<IncomingMessage> {
  const pinned = fingerprint256 === undefined ? undefined : await connectPinned(url, fingerprint256, signal)
  const route = pinned
    ? { createConnection: () => pinned }
    : await routeOfCommand(url, { socket, owner, enrolling, signal })
  return sendOver(url, {
    ...call,
    ...(signal && { signal }),
    ...route,
    ...(route.createConnection ? {} : trust(url, ca ?? (await hubAuthority(url, process.env)))),
  })
}
