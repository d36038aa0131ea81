import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import type { TestHub } from './hub.ts'

/** In bytes. */
export const MIB = 1024 * 1024

/** Sends a request without reading the answer. */
export const requestUnread = (hub: TestHub, key: string, path: string, options: RequestOptions = {}) =>
  new Promise<IncomingMessage>((resolve, reject) =>
    request(hub.url + path, { headers: { authorization: `Bearer ${key}` }, ...options }, resolve)
      .on('error', reject)
      .end(),
  )

/** Returns a new key with the role of a viewer. */
export const viewerKey = async (hub: TestHub, name: string) =>
  (await hub.api<{ key: string }>('POST', '/api/keys', { name, role: 'viewer' })).key
