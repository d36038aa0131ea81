import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Cleanup } from './temp.ts'

/** Forwards connections to a port. The test can cut a connection without either end noticing. */
export class Wire {
  readonly port: number
  readonly #cut: { now: boolean }

  private constructor(port: number, cut: { now: boolean }) {
    this.port = port
    this.#cut = cut
  }

  static async open(t: Cleanup, to: number): Promise<Wire> {
    const cut = { now: false }
    const sockets = new Set<Socket>()
    const server = createServer((near) => {
      const far = connect(to, '127.0.0.1')
      for (const [from, into] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(from)
        from.on('error', () => {})
        from.on('data', (data) => cut.now || into.write(data))
        from.on('close', () => cut.now || into.destroy())
      }
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      server.close()
      for (const socket of sockets) socket.destroy()
    })
    return new Wire((server.address() as AddressInfo).port, cut)
  }

  cut() {
    this.#cut.now = true
  }

  mend() {
    this.#cut.now = false
  }
}
