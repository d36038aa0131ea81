import { connect, type TLSSocket } from 'node:tls'

/**
 * A connection to the server that has this very certificate, whoever signed it and for whichever name.
 * @param fingerprint256 as Node writes it
 * @throws Error before anything is sent, where the server has another certificate
 */
export function connectPinned(url: string, fingerprint256: string, signal: AbortSignal): Promise<TLSSocket> {
  const { hostname, port } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const socket = connect({ host, port: Number(port || 443), rejectUnauthorized: false })
    const abort = () => socket.destroy(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      signal.removeEventListener('abort', abort)
      if (socket.getPeerCertificate().fingerprint256 === fingerprint256) return resolve(socket)
      socket.destroy(new Error('what listens there has another certificate than the hub'))
    })
  })
}
