import type { WebSocket } from 'ws'
import { Limits } from '../protocol/index.ts'

/** Buffered bytes from which only answers are sent. One more frame of maximum size can still be added. */
const BUSY_BYTES = 1024 * 1024
/** Maximum number of buffered bytes. Only a server that keeps asking without reading the answers exceeds it. */
const MOST_BYTES = 2 * Limits.frame_bytes

export const isBusy = (socket: WebSocket | undefined) => (socket?.bufferedAmount ?? 0) > BUSY_BYTES

/**
 * Sends a frame.
 * @param drained called when the socket is no longer busy, if it was busy after this frame
 * @returns false if the buffer is full
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
