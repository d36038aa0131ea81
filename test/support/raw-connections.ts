import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { Cleanup } from './temp.ts'
import { until } from './wait.ts'

/** TCP connections of a client that follows no protocol. The connections end with the test. */
export class RawConnections {
  readonly sockets: Socket[] = []
  readonly #port: number

  constructor(t: Cleanup, port: number) {
    this.#port = port
    t.after(() => {
      for (const socket of this.sockets) socket.destroy()
    })
  }

  /** Returns the connections that still look open from this side. */
  get open(): Socket[] {
    return this.sockets.filter((socket) => !socket.closed && !socket.readableEnded)
  }

  /** Opens connections that send nothing. */
  async silent(count: number): Promise<void> {
    const sockets = Array.from({ length: count }, () => {
      const socket = connect(this.#port, '127.0.0.1')
      socket.on('error', () => {})
      socket.resume()
      return socket
    })
    this.sockets.push(...sockets)
    await until(() => sockets.every((socket) => !socket.connecting), { what: 'all connections' })
  }

  /** Sends a request, and reads only the beginning of the answer. */
  async ask(request: string): Promise<{ socket: Socket; status: number }> {
    const socket = connect(this.#port, '127.0.0.1')
    this.sockets.push(socket)
    socket.on('error', () => {})
    socket.write(request)
    const answer = await new Promise<string>((resolve) =>
      socket.once('data', (data) => resolve(String(data))),
    )
    socket.pause()
    return { socket, status: Number(answer.split(' ')[1]) }
  }

  /** Requests a WebSocket. */
  async upgrade(key: string): Promise<{ socket: Socket; status: number }> {
    const lines = [
      'GET /ws HTTP/1.1',
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      `Authorization: Bearer ${key}`,
    ]
    const answer = await this.ask(`${lines.join('\r\n')}\r\n\r\n`)
    answer.socket.resume()
    return answer
  }
}

/** Returns the header of a text frame of `bytes` bytes, with a mask that changes nothing. */
export function frameHead(bytes: number): Buffer {
  const head = Buffer.alloc(14)
  head.set([0x81, 0x80 | 127])
  head.writeBigUInt64BE(BigInt(bytes), 2)
  return head
}
