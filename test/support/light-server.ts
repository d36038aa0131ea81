import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import { Limits, PROTOCOL } from '../../src/protocol/index.ts'
import type { Running, Stage } from './stage.ts'
import type { Cleanup } from './temp.ts'
import { until } from './wait.ts'

/** A frame from a daemon. */
export type Frame = { type: string } & Record<string, unknown>

/** The server's end of a daemon's connection. It keeps every frame that it receives. */
export class Caller {
  readonly frames: Frame[] = []
  readonly socket: WebSocket
  closed: { code: number; reason: string } | undefined

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data) => this.frames.push(JSON.parse(String(data)) as Frame))
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) }
    })
    socket.on('error', () => {})
  }

  send(message: object | string | Buffer) {
    this.socket.send(
      typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message),
    )
  }

  ofType(type: string): Frame[] {
    return this.frames.filter((frame) => frame.type === type)
  }

  /** Waits for the `count`-th frame of a type. */
  received(type: string, count = 1): Promise<Frame> {
    return until(() => this.ofType(type)[count - 1], { what: `${type} number ${count}` }) as Promise<Frame>
  }

  /** Waits for the greeting and welcomes the daemon. */
  async welcome(offsets: Record<string, number> = {}): Promise<Frame> {
    const hello = await this.received('machine:hello')
    this.send({ type: 'server:welcome', protocol: { version: PROTOCOL.version }, offsets })
    return hello
  }

  /** Sends a command and waits for its result. */
  async command(type: string, body: object): Promise<Frame> {
    const command_id = `c-${this.frames.length}-${Math.random().toString(36).slice(2)}`
    this.send({ type, command_id, ...body })
    return until(() => this.frames.find((frame) => frame.command_id === command_id), {
      what: `the result of ${type}`,
    }) as Promise<Frame>
  }

  /** Waits until the daemon has read everything sent so far. */
  async settled() {
    const nonce = `n${this.frames.length}`
    this.send({ type: 'link:ping', nonce })
    await until(() => this.frames.some((frame) => frame.type === 'link:pong' && frame.nonce === nonce), {
      what: 'a pong',
    })
  }

  async ended(): Promise<{ code: number; reason: string }> {
    return (await until(() => this.closed, { what: 'the end of the connection' }))!
  }
}

/** Accepts WebSockets on a port of this machine until the test ends. @returns the server and its address */
export async function socketServer(t: Cleanup, options: ServerOptions = {}) {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    maxPayload: Limits.frame_bytes,
    ...options,
  })
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  return { server, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** A simulated server on real WebSockets. It sends only the messages that the test passes to it. */
export class LightServer {
  readonly callers: Caller[] = []
  readonly url: string

  private constructor({ server, url }: Awaited<ReturnType<typeof socketServer>>) {
    this.url = url
    server.on('connection', (socket) => this.callers.push(new Caller(socket)))
  }

  /** @param accepts reports whether to accept a connection; a rejected connection gets HTTP 401 */
  static async open(t: Cleanup, accepts = () => true): Promise<LightServer> {
    return new LightServer(await socketServer(t, { verifyClient: accepts }))
  }

  /** Waits for the `count`-th connection. */
  caller(count = 1): Promise<Caller> {
    return until(() => this.callers[count - 1], { what: `connection number ${count}` }) as Promise<Caller>
  }

  /** Starts a daemon on the stage's machine. The daemon connects to this server. */
  daemon(stage: Stage, env: Record<string, string> = {}): Running {
    const key = join(stage.dir, 'key')
    writeFileSync(key, 'the-key', { mode: 0o600 })
    return stage.run(['run', '--server-url', this.url, '--key-file', key, '--log-level', 'debug'], env)
  }
}
