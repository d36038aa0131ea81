import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream'
import { HubClient } from '../../client/hub-client.ts'
import type { Signer } from '../../client/signer.ts'
import type { Transport } from '../../client/transport.ts'
import type { HubAddress } from '../../config/hub.ts'
import { isElsewhere } from '../../config/server-url.ts'
import { withAdvice } from './advice.ts'
import { send } from './http.ts'

/** Returns a client for a hub. The client's methods throw UserError. */
export const hubClient = (at: HubAddress, signer?: Signer): HubClient =>
  new HubClient(transportTo(at), {
    newId: () => randomUUID(),
    signer,
    errorFor: (failure) => withAdvice(at.url, failure),
  })

const transportTo = ({ url, key, listens, socket, owner }: HubAddress): Transport => ({
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
      socket,
      owner,
    })
    return {
      status: response.statusCode ?? 0,
      body: await plainBody(response),
      discard: () => response.destroy(),
    }
  },
})

/** Returns the body of an answer, uncompressed. */
async function plainBody(response: IncomingMessage): Promise<AsyncIterable<Uint8Array>> {
  if (response.headers['content-encoding'] !== 'gzip') return response
  const { createGunzip } = await import('node:zlib')
  // The reader of the body gets any error.
  return pipeline(response, createGunzip(), () => {})
}
