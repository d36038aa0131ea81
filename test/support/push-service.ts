import assert from 'node:assert/strict'
import {
  createDecipheriv,
  createECDH,
  createPublicKey,
  type ECDH,
  hkdfSync,
  randomBytes,
  verify,
} from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PushMessage, type SubscribeRequest } from '../../src/protocol/index.ts'
import type { Cleanup } from './temp.ts'
import { until } from './wait.ts'

/** The keys of a browser's subscription. */
export class PushBrowser {
  readonly #ecdh = createECDH('prime256v1')
  readonly #auth = randomBytes(16)

  constructor() {
    this.#ecdh.generateKeys()
  }

  get keys(): SubscribeRequest['keys'] {
    return { p256dh: this.#ecdh.getPublicKey('base64url'), auth: this.#auth.toString('base64url') }
  }

  decrypt(message: Buffer): Buffer {
    return decrypt(message, this.#ecdh, this.#auth)
  }
}

/** Decrypts a message, as RFC 8291 and RFC 8188 describe it. @throws an error if the message is not for the keys */
export function decrypt(message: Buffer, ecdh: ECDH, auth: Buffer): Buffer {
  const derive = (from: Buffer, salt: Buffer, info: Buffer | string, length: number) =>
    Buffer.from(hkdfSync('sha256', from, salt, info, length))
  const salt = message.subarray(0, 16)
  assert.ok(message.readUInt32BE(16) >= message.length, 'the message has one record')
  const keyEnd = 21 + message.readUInt8(20)
  const theirs = message.subarray(21, keyEnd)
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), ecdh.getPublicKey(), theirs])
  const secret = derive(ecdh.computeSecret(theirs), auth, info, 32)
  const key = derive(secret, salt, 'Content-Encoding: aes128gcm\0', 16)
  const nonce = derive(secret, salt, 'Content-Encoding: nonce\0', 12)
  const decipher = createDecipheriv('aes-128-gcm', key, nonce)
  decipher.setAuthTag(message.subarray(-16))
  const padded = Buffer.concat([decipher.update(message.subarray(keyEnd, -16)), decipher.final()])
  const end = padded.findLastIndex((byte) => byte !== 0)
  assert.equal(padded[end], 2, 'the text ends with the mark of the last record')
  return padded.subarray(0, end)
}

interface Claims {
  aud: string
  exp: number
  sub: string
}

/** Reads a header as RFC 8292 describes it. @throws an error if the signature is invalid */
export function claimsIn(header: string): { key: string; claims: Claims } {
  const [, token = '', key = ''] = /^vapid t=([\w.-]+), k=([\w-]+)$/.exec(header) ?? []
  const [head = '', body = '', signature = ''] = token.split('.')
  const json = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString())
  assert.deepEqual(json(head), { typ: 'JWT', alg: 'ES256' })
  const point = Buffer.from(key, 'base64url')
  const part = (from: number) => point.subarray(from, from + 32).toString('base64url')
  const publicKey = createPublicKey({
    key: { kty: 'EC', crv: 'P-256', x: part(1), y: part(33) },
    format: 'jwk',
  })
  const options = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
  const isSigned = verify(
    'sha256',
    Buffer.from(`${head}.${body}`),
    options,
    Buffer.from(signature, 'base64url'),
  )
  assert.ok(isSigned, 'the signature is invalid')
  return { key, claims: json(body) }
}

/** A request that reached the push service. */
interface Pushed {
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
}

/** A push service on this machine, with browsers that have subscribed. */
export class PushService {
  readonly origin: string
  readonly pushed: Pushed[] = []
  /** Answers the next requests: a status and headers. 201 by default. */
  readonly answers: [status: number, headers?: Record<string, string>][] = []
  /** Paths whose requests get no answer. */
  silent: RegExp | undefined
  readonly #browsers = new Map<string, PushBrowser>()

  private constructor(origin: string) {
    this.origin = origin
  }

  static async open(t: Cleanup): Promise<PushService> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const service = new PushService(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    service.#listen(server)
    t.after(() => {
      server.close()
      server.closeAllConnections()
    })
    return service
  }

  #listen(server: Server) {
    server.on('request', async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      this.pushed.push({ path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) })
      if (this.silent?.test(request.url ?? '')) return
      response.writeHead(...(this.answers.shift() ?? [201])).end()
    })
  }

  /** Returns a new subscription of a browser. @param name identifies the browser */
  subscription(name: string): SubscribeRequest {
    const browser = new PushBrowser()
    this.#browsers.set(`/${name}`, browser)
    return { endpoint: `${this.origin}/${name}`, keys: browser.keys }
  }

  /** Waits for a message. @returns the text that the browser gets */
  async text(count = 1): Promise<string> {
    const { path, headers, body } = (await until(() => this.pushed[count - 1], {
      what: `push number ${count}`,
    })) as Pushed
    assert.equal(headers['content-encoding'], 'aes128gcm')
    assert.equal(claimsIn(headers.authorization ?? '').claims.aud, this.origin)
    return this.#browsers.get(path)!.decrypt(body).toString()
  }

  async message(count = 1): Promise<PushMessage> {
    return PushMessage.parse(JSON.parse(await this.text(count)))
  }
}
