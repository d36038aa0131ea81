import type { Transport } from '../../client/transport.ts'

/**
 * Returns a transport that reports when the hub no longer accepts its session or key.
 * @param onRefused called after each answer with HTTP status 401
 */
export const watched = (transport: Transport, onRefused: () => void): Transport => ({
  url: transport.url,
  async send(request) {
    const response = await transport.send(request)
    if (response.status === 401) onRefused()
    return response
  },
})
