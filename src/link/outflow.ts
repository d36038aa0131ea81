import type { WebSocket } from 'ws'
import { Limits } from '../protocol/index.ts'

/** From here on, what this side sends of its own accord waits, in bytes. The longest frame may still come on top. */
const BUSY_BYTES = 1024 * 1024
/** What may wait to be sent, in bytes. Only a server that asks and asks, and does not read the answers, gets beyond. */
const MOST_BYTES = 2 * Limits.frame_bytes

export const isBusy = (socket: WebSocket | undefined) => (socket?.bufferedAmount ?? 0) > BUSY_BYTES

/**
 * @param drained called when the socket no longer is busy, if this frame made or kept it so
 * @returns whether there was room
 */
export function write(socket: WebSocket, frame: string, drained: () => void): boolean {
  if (socket.bufferedAmount > MOST_BYTES) return false
  let filled = false
  socket.send(frame, () => {
    if (filled && !isBusy(socket)) drained()
  })
  filled = isBusy(socket)
  return true
}
