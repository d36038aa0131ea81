import type { MiddlewareHandler } from 'hono'
import { isLoopback } from '../../config/server-url.ts'
import type { Gate } from '../gate/gate.ts'
import { HttpError } from '../http-error.ts'
import { overHttp } from './request.ts'

/** Adds the headers that every answer has. No browser keeps answers of the API, except lists with a tag. */
export const answerHeaders: MiddlewareHandler = async (c, next) => {
  await next()
  // `c.header` would turn the answer's body into a web stream, which takes longer than the whole rest of an answer.
  const { headers } = c.res
  headers.set('x-content-type-options', 'nosniff')
  if (c.req.path.startsWith('/api/') && !headers.has('cache-control'))
    headers.set('cache-control', 'no-store')
}

/**
 * Refuses requests with a host name that is not a loopback name. This prevents DNS rebinding, in which a web
 * page points its own host name at 127.0.0.1 to call this API.
 */
export const onlyByLoopbackName: MiddlewareHandler = async (c, next) => {
  if (!isLoopback(hostName(c.req.header('host'))))
    throw new HttpError(
      403,
      'forbidden_host',
      'This hub answers only requests to a loopback name of this machine.',
      {
        remedy: 'Use http://127.0.0.1 or http://localhost.',
      },
    )
  await next()
}

/** Reserves memory for the body of a client's request before any of the body is read. */
export const admitBodies =
  (gate: Gate): MiddlewareHandler =>
  (c, next) => {
    gate.admitBody(overHttp(c).incoming)
    return next()
  }

/** Delays an answer that may be many MiB until there is memory for the answer. */
export const answerInTurn =
  (gate: Gate): MiddlewareHandler =>
  async (c, next) => {
    const { incoming, outgoing } = overHttp(c)
    try {
      await gate.answer(incoming, outgoing, async () => {
        await next()
        return Number(c.res.headers.get('content-length'))
      })
    } catch (error) {
      // Otherwise the error would get the headers of the dropped answer.
      c.res = undefined
      throw error
    }
  }

/** Returns a Host header without its port; an IPv6 address keeps its brackets. */
const hostName = (host: string | undefined) => (host ?? '').replace(/:\d*$/, '')
