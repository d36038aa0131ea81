import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { Limits } from '../../protocol/index.ts'
import type { Gate } from '../gate/gate.ts'
import type { Keys } from '../registry/keys.ts'
import type { MachineKey } from './machine-connection.ts'

/**
 * Frame size beyond which the connection ends, in bytes. A frame that is larger than `Limits.frame_bytes` but
 * within this size gets an error.
 */
const MOST_FRAME_BYTES = 2 * Limits.frame_bytes
/** `Retry-After`, in seconds, for a machine that is refused because there is no room. */
const SOON_S = 2

/** Accepts machines, which connect over WebSocket with a key. */
export function acceptMachines(
  server: Server,
  { keys, gate }: { keys: Keys; gate: Gate },
  arrived: (socket: WebSocket, stream: Duplex, key: MachineKey) => void,
) {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MOST_FRAME_BYTES,
    perMessageDeflate: false,
  })
  const accept = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const [path] = (request.url ?? '').split('?')
    if (path !== '/' && path !== '/ws') return refuse(socket, '404 Not Found')
    const { authorization } = request.headers
    const sha256 = await keys.accepts(authorization)
    if (sha256 === undefined) {
      const waitS = authorization === undefined ? 0 : gate.refuse(request, 'machine key')
      return waitS > 0 ? refuse(socket, '429 Too Many Requests', waitS) : refuse(socket, '401 Unauthorized')
    }
    const address = gate.addressOf(request)
    gate.admitMachine(request)
    if (!gate.greetings.hasRoom(sha256, address)) return refuse(socket, '503 Service Unavailable', SOON_S)
    sockets.handleUpgrade(request, socket, head, (accepted) => {
      const onHello = gate.greetings.begin(socket, {
        key: sha256,
        address,
        end: () => accepted.terminate(),
      })
      const isAcceptedFor = (machineId: string) => keys.acceptsFor(sha256, machineId)
      arrived(accepted, socket, { sha256, address, isAcceptedFor, onHello })
    })
  }
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Ignore clients that disconnect during the handshake.
    socket.on('error', () => {})
    accept(request, socket, head).catch(() => refuse(socket, '503 Service Unavailable', SOON_S))
  })
}

/** Answers with an error and closes the connection, even if the client does not close its side. */
function refuse(socket: Duplex, status: string, afterS?: number) {
  const after = afterS === undefined ? '' : `retry-after: ${afterS}\r\n`
  socket.end(`HTTP/1.1 ${status}\r\n${after}connection: close\r\ncontent-length: 0\r\n\r\n`, () =>
    socket.destroy(),
  )
}
