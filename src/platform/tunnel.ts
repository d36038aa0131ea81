import type { ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
import { HttpsProxyAgent } from 'https-proxy-agent'
import { systemCode } from './errors.ts'
import { ProxyError } from './proxy-error.ts'
import type { Trust } from './trust.ts'
import { unreachable } from './unreachable.ts'

type Target = Parameters<HttpsProxyAgent<string>['connect']>[1]

/**
 * Maximum time for a proxy to answer, in ms. Until the proxy answers, a request has no socket, so the
 * request's own timeout has no effect.
 */
const ANSWER_MS = 15_000

/**
 * Connects through a proxy. If the proxy refuses, the request fails instead of receiving the proxy's
 * response.
 */
export class Tunnel extends HttpsProxyAgent<string> {
  readonly #answerMs: number

  constructor(proxy: string, trust: Trust, answerMs = ANSWER_MS) {
    super(proxy, trust)
    this.#answerMs = answerMs
  }

  override async connect(request: ClientRequest, target: Target): Promise<Socket> {
    const { host } = this.proxy
    let status: number | undefined
    request.once('proxyConnect', (answer: { statusCode: number }) => {
      status = answer.statusCode
    })
    const patience = new AbortController()
    const timer = setTimeout(() => patience.abort(), this.#answerMs)
    // This setting applies to the socket that is created below, before the first `await`.
    Object.assign(this.connectOpts, { signal: patience.signal })
    let socket: Socket
    try {
      socket = await super.connect(request, target)
    } catch (error) {
      if (patience.signal.aborted)
        throw new ProxyError(host, 'does not answer', { code: 'ETIMEDOUT', cause: error })
      const why = `cannot be used: ${unreachable(error as Error)}`
      throw new ProxyError(host, why, { code: systemCode(error), cause: error })
    } finally {
      clearTimeout(timer)
    }
    if (status === 200) return socket
    socket.destroy()
    throw refusal(host, status)
  }
}

function refusal(host: string, status: number | undefined): ProxyError {
  if (status === undefined || Number.isNaN(status)) return new ProxyError(host, 'does not speak HTTP')
  const why = status === 407 ? 'asks for a name and password' : 'refuses the connection'
  return new ProxyError(host, `${why} (HTTP ${status})`, { status })
}
