import { connect, type TLSSocket } from 'node:tls'

/**
 * Connects to a server that has exactly this certificate, regardless of its issuer and host name.
 * @param fingerprint256 in Node's format
 * @throws Error if the server has another certificate, before anything is sent
 */
export function connectPinned(url: string, fingerprint256: string, signal?: AbortSignal): Promise<TLSSocket> {
  const { hostname, port } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const socket = connect({ host, port: Number(port || 443), rejectUnauthorized: false })
    const abort = () => socket.destroy(signal?.reason as Error)
    signal?.addEventListener('abort', abort, { once: true })
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      signal?.removeEventListener('abort', abort)
      if (socket.getPeerCertificate().fingerprint256 === fingerprint256) return resolve(socket)
      socket.destroy(new Error("the server there does not have the hub's certificate"))
    })
  })
}
