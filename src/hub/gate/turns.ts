import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Has the requests of a connection dealt with one after the other. Node hands over all that have come, and of the answers
 * it tells only the first one when the connection closes: what the others hold would be held for ever. One request may wait,
 * since a client can have all of an answer before Node knows.
 * @param listener deals with a request
 * @param tooMany called where one waits already
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
    // An answer has its connection when those ahead of it are out.
    if (response.socket) return listener(request, response)
    if (!ahead?.socket) return tooMany(request)
    ahead.once('close', () => {
      if (!response.socket) return
      // Node takes back what the answer ahead has set only where nothing waits.
      socket.setTimeout(0)
      listener(request, response)
    })
  }
}
