import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream'
import { HubClient } from '../../client/hub-client.ts'
import { SessionClient } from '../../client/session-client.ts'
import type { Signer } from '../../client/signer.ts'
import type { Transport } from '../../client/transport.ts'
import type { HubAddress } from '../../config/hub.ts'
import { isElsewhere } from '../../config/server-url.ts'
import { withAdvice } from './advice.ts'
import { send } from './http.ts'
import { keptRoute } from './kept-route.ts'

/** Returns a client for a hub. The client's methods throw UserError. */
export const hubClient = (at: HubAddress, signer?: Signer): HubClient =>
  new HubClient(transportTo(at), {
    newId: () => randomUUID(),
    signer,
    errorFor: (failure) => withAdvice(at.url, failure),
  })

/** Returns a client for a hub's sessions. The client's methods throw UserError. */
export const sessionClient = (at: HubAddress): SessionClient =>
  new SessionClient(transportTo(at), (failure) => withAdvice(at.url, failure))

function transportTo({ url, key, listens, socket, owner }: HubAddress): Transport {
  const route = keptRoute()
  return {
    url,
    async send({ path, headers, ...request }) {
      const response = await send(url + path, {
        ...request,
        headers: {
          authorization: `Bearer ${key}`,
          // On one machine, compression takes longer than it saves.
          ...(isElsewhere(url) && { 'accept-encoding': 'gzip' }),
          ...headers,
        },
        fingerprint256: listens?.fingerprint256,
        route,
        socket,
        owner,
      })
      return {
        status: response.statusCode ?? 0,
        body: await plainBody(response),
        discard: () => response.destroy(),
      }
    },
  }
}

/** Returns the body of an answer, uncompressed. */
async function plainBody(response: IncomingMessage): Promise<AsyncIterable<Uint8Array>> {
  if (response.headers['content-encoding'] !== 'gzip') return response
  const { createGunzip } = await import('node:zlib')
  // The reader of the body gets any error.
  return pipeline(response, createGunzip(), () => {})
}
