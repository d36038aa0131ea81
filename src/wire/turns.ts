import type { WebSocket } from 'ws'

/**
 * Shares the event loop between connections. If handling the frames of this connection takes too long, its
 * socket is paused until the next turn of the event loop.
 * @param turnMs time for the frames of this connection in one turn of the event loop
 * @returns a function to call for each frame
 */
export function takeTurns(socket: WebSocket, turnMs: number): () => void {
  /** Time of the first frame in this turn. */
  let since: number | undefined
  return () => {
    const now = performance.now()
    if (since === undefined) {
      since = now
      setImmediate(() => {
        since = undefined
        if (socket.isPaused) socket.resume()
      })
    } else if (now - since > turnMs) socket.pause()
  }
}
