import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Wraps a listener so that the requests of a connection are handled one at a time. Node passes on all
 * pipelined requests. But when the connection closes, Node emits `close` only on the first response, so the
 * resources of the other responses would leak. One request may wait, because a client can receive a whole
 * answer, and send its next request, before Node knows that the answer is sent.
 * @param listener handles a request
 * @param tooMany called for a request that arrives while another request is already waiting
 */
export function inTurn(
  listener: RequestListener,
  tooMany: (request: IncomingMessage) => void,
): RequestListener {
  const latest = new WeakMap<Socket, ServerResponse>()
  return (request, response) => {
    const { socket } = request
    if (socket.destroyed) return
    const ahead = latest.get(socket)
    latest.set(socket, response)
    // A response gets its socket once all earlier responses are sent.
    if (response.socket) return listener(request, response)
    if (!ahead?.socket) return tooMany(request)
    ahead.once('close', () => {
      if (!response.socket) return
      // Node resets the timeout of the previous response only if no request waits.
      socket.setTimeout(0)
      listener(request, response)
    })
  }
}
