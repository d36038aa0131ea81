import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type * as z from 'zod/mini'
import { check } from '../protocol/check.ts'
import { faultOf, Limits } from '../protocol/index.ts'
import { whyNotJson } from '../protocol/not-json.ts'
import { FREE } from '../protocol/rules.ts'
import { Scan } from '../protocol/scan.ts'
import { decodeText } from '../protocol/tokens.ts'
import { BEGINNING, type EventId, parseEventId } from './activity-line.ts'
import { Fault } from './fault.ts'

/** Seconds a request waits for the outcome of its command: unless it says otherwise, and at most. */
const WAIT_S = { default: 30, most: 300 }
/** Events on a page: unless the request says otherwise, and at most. */
const LIMIT = { default: 1000, most: 10_000 }

/** What a body may hold: it becomes a message to a daemon. */
const BOUNDS = { nesting: Limits.nesting, values: Limits.values }

/** Types that a JSON body may have: its own, and those that clients send unless told otherwise. */
const JSON_TYPES = ['', 'application/json', 'text/plain']
/** What curl and wget send with `--data` unless told otherwise. */
export const FORM_TYPE = 'application/x-www-form-urlencoded'

/** Refuses a longer body than this. */
export const limited = (maxSize: number) =>
  bodyLimit({
    maxSize,
    onError: () => {
      throw new Fault(413, 'too_large', `A body is at most ${maxSize} bytes.`)
    },
  })

/**
 * Returns the request's body; `{}` for an empty one.
 * @param further types that this route accepts as JSON as well
 * @throws Fault
 */
export function jsonBody(c: Context, ...further: string[]): Promise<object> {
  const known = looked.get(c)
  looked.delete(c)
  return known ?? readBody(c, further)
}

/** Bodies that were read before what they are for. */
const looked = new WeakMap<Context, Promise<object>>()

/** The body that `jsonBody` returns; undefined where it throws. */
export async function lookAtBody(c: Context): Promise<object | undefined> {
  const body = readBody(c, [])
  looked.set(c, body)
  return body.catch(() => undefined)
}

async function readBody(c: Context, further: string[]): Promise<object> {
  const [type = ''] = (c.req.header('content-type') ?? '').split(';')
  if (![...JSON_TYPES, ...further].includes(type.trim().toLowerCase()))
    throw new Fault(415, 'unsupported_media_type', `The body must be JSON, not ${type}.`, {
      remedy: 'Send `Content-Type: application/json`.',
    })
  const bytes = new Uint8Array(await c.req.arrayBuffer())
  const scan = new Scan(bytes, BOUNDS)
  scan.value(FREE)
  if (scan.fault) throw new Fault(400, 'invalid_command', scan.fault.message)
  const text = decodeText(bytes)
  let json: unknown
  try {
    json = text === '' ? {} : JSON.parse(text)
  } catch (error) {
    throw new Fault(400, 'not_json', `The body is not JSON: ${whyNotJson(error)}`)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new Fault(400, 'invalid_command', 'The body must be a JSON object.')
  return json
}

/** The request as it came over the network, and what its answer goes into. */
export const overHttp = (c: Context) => c.env as { incoming: IncomingMessage; outgoing: ServerResponse }

/** A body that gets an id if it has none. @throws Fault */
export const command = async (c: Context) => ({ command_id: randomUUID(), ...(await jsonBody(c)) })

/** @throws Fault naming the path */
export function parse<S extends z.ZodMiniType>(schema: S, value: unknown): z.infer<S> {
  const parsed = check(schema, value)
  if (parsed.success) return parsed.data
  const { message, ...where } = faultOf(parsed.error)
  throw new Fault(400, 'invalid_command', message, where)
}

/** How long to wait for an outcome, in ms. */
export const waitMs = (c: Context) => number(c, 'wait', 0, WAIT_S) * 1000

export const pageLimit = (c: Context, limit = LIMIT) => Math.floor(number(c, 'limit', 1, limit))

/** A number from 0 on. */
export const wholeNumber = (c: Context, name: string) =>
  Math.floor(number(c, name, 0, { default: 0, most: Number.MAX_SAFE_INTEGER }))

/** The event to go on from: `Last-Event-ID`, which a client that reconnects sends, goes before `after`. */
export function eventIdOf(c: Context): EventId {
  const header = c.req.header('last-event-id')
  const text = header || c.req.query('after')
  if (!text) return BEGINNING
  const id = parseEventId(text)
  if (id) return id
  throw new Fault(400, 'invalid_request', `"${text}" is not the id of an event.`, {
    path: header ? 'last-event-id' : 'after',
  })
}

function number(c: Context, name: string, least: number, { default: usual, most }: typeof WAIT_S): number {
  const text = c.req.query(name)
  if (text === undefined) return usual
  const value = Number(text)
  if (text.trim() !== '' && value >= least) return Math.min(value, most)
  throw new Fault(400, 'invalid_request', `${name}: must be a number, ${least} or more.`, { path: name })
}
