import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type * as z from 'zod/mini'
import { faultOf, Limits } from '../../protocol/index.ts'
import { FREE } from '../../protocol/rules.ts'
import { Scan } from '../../protocol/scan.ts'
import { check } from '../../protocol/schema-check.ts'
import { decodeText } from '../../protocol/tokens.ts'
import { whyNotJson } from '../../protocol/why-not-json.ts'
import type { Follower } from '../gate/followers.ts'
import type { Gate } from '../gate/gate.ts'
import { HttpError } from '../http-error.ts'
import { BEGINNING, END, type EventId, parseEventId } from '../store/event-id.ts'
import { invalid, once } from './query.ts'

/** Default and maximum time that a request waits for the outcome of its command, in seconds. */
const WAIT_S = { default: 30, most: 300 }
/** Default and maximum number of events on a page. */
const LIMIT = { default: 1000, most: 10_000 }

/**
 * Limits on the content of a body: the limits on messages to daemons, because the hub sends the body in such
 * a message.
 */
const BOUNDS = { nesting: Limits.nesting, values: Limits.values }

/** Accepted content types of a JSON body, including the defaults of common clients. */
const JSON_TYPES = ['', 'application/json', 'text/plain']
/** Default content type of `curl --data` and `wget --post-data`. */
export const FORM_TYPE = 'application/x-www-form-urlencoded'

/** Refuses bodies longer than `maxSize` bytes. */
export const limited = (maxSize: number) =>
  bodyLimit({
    maxSize,
    onError: () => {
      throw new HttpError(413, 'too_large', `The body is too large: at most ${maxSize} bytes are allowed.`)
    },
  })

/**
 * Returns the request's body; `{}` for an empty body.
 * @param further content types that the route accepts as JSON in addition to the usual types
 * @throws HttpError
 */
export function jsonBody(c: Context, ...further: string[]): Promise<object> {
  const known = looked.get(c)
  looked.delete(c)
  return known ?? readBody(c, further)
}

/** Bodies that were read before their route ran. */
const looked = new WeakMap<Context, Promise<object>>()

/** Returns the body that `jsonBody` will return, or undefined if it will throw. */
export async function lookAtBody(c: Context): Promise<object | undefined> {
  const body = readBody(c, [])
  looked.set(c, body)
  return body.catch(() => undefined)
}

async function readBody(c: Context, further: string[]): Promise<object> {
  const [type = ''] = (c.req.header('content-type') ?? '').split(';')
  if (![...JSON_TYPES, ...further].includes(type.trim().toLowerCase()))
    throw new HttpError(415, 'unsupported_media_type', `The body must be JSON, not ${type}.`, {
      remedy: 'Send `Content-Type: application/json`.',
    })
  const bytes = new Uint8Array(await c.req.arrayBuffer())
  const scan = new Scan(bytes, BOUNDS)
  scan.value(FREE)
  if (scan.fault) throw new HttpError(400, 'invalid_command', scan.fault.message)
  const text = decodeText(bytes)
  let json: unknown
  try {
    json = text === '' ? {} : JSON.parse(text)
  } catch (error) {
    throw new HttpError(400, 'not_json', `The body is not JSON: ${whyNotJson(error)}`)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new HttpError(400, 'invalid_command', 'The body must be a JSON object.')
  return json
}

/** Begins a stream. @throws HttpError if there are too many */
export function follow(c: Context, gate: Gate): Follower {
  const { incoming, outgoing } = overHttp(c)
  return gate.follow(incoming, outgoing)
}

/** Returns Node's request and response objects. */
export const overHttp = (c: Context) => c.env as { incoming: IncomingMessage; outgoing: ServerResponse }

/** Returns the body, with a new `command_id` if it has none. @throws HttpError */
export const command = async (c: Context) => ({ command_id: randomUUID(), ...(await jsonBody(c)) })

/** @throws HttpError with the path of the invalid value */
export function parse<S extends z.ZodMiniType>(schema: S, value: unknown): z.infer<S> {
  const parsed = check(schema, value)
  if (parsed.success) return parsed.data
  const { message, ...where } = faultOf(parsed.error)
  throw new HttpError(400, 'invalid_command', message, where)
}

/** Returns the time to wait for an outcome, in milliseconds. */
export const waitMs = (c: Context) => number(c, 'wait', 0, WAIT_S) * 1000

export const pageLimit = (c: Context, limit = LIMIT) => Math.floor(number(c, 'limit', 1, limit))

/** Returns a query parameter as a whole number, at least 0. */
export const wholeNumber = (c: Context, name: string) =>
  Math.floor(number(c, name, 0, { default: 0, most: Number.MAX_SAFE_INTEGER }))

/**
 * Returns the id of the event after which the answer begins. `Last-Event-ID`, from clients that reconnect,
 * takes precedence over `after`.
 */
export function eventIdOf(c: Context): EventId {
  const header = c.req.header('last-event-id')
  const text = header || c.req.query('after')
  if (!text) return BEGINNING
  const id = parseEventId(text)
  if (id) return id
  throw new HttpError(400, 'invalid_request', `"${text}" is not an event id.`, {
    path: header ? 'last-event-id' : 'after',
  })
}

/**
 * Returns the id of the event before which the answer ends; undefined if the request has no `before`.
 * @throws HttpError
 */
export function earlierThan(c: Context): EventId | undefined {
  const text = once(c, 'before')
  if (text === undefined) return undefined
  if (c.req.query('after') !== undefined) throw invalid('before', 'must not be combined with after')
  const id = text === 'end' ? END : parseEventId(text)
  if (id) return id
  throw invalid('before', 'must be an event id or end')
}

/**
 * Returns the id after which a stream of the lists continues; undefined if the client does not know ids of
 * this stream. Any text may be an id of another hub or version: after an error, an `EventSource` would not
 * connect again.
 */
export const streamIdOf = (c: Context): string | undefined =>
  c.req.header('last-event-id') || c.req.query('after')

function number(c: Context, name: string, least: number, { default: usual, most }: typeof WAIT_S): number {
  const text = c.req.query(name)
  if (text === undefined) return usual
  const value = Number(text)
  if (text.trim() !== '' && value >= least) return Math.min(value, most)
  throw new HttpError(400, 'invalid_request', `${name}: must be a number, ${least} or more.`, { path: name })
}
