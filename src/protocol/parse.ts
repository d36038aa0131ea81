import type * as z from 'zod/mini'
import { AnyEvent } from './any-event.ts'
import { type Command, Commands } from './commands.ts'
import { Event } from './events.ts'
import { keepText } from './events-text.ts'
import { faultOf, located, PATH_CHARS } from './fault.ts'
import { CommandId } from './ids.ts'
import { Limits } from './limits.ts'
import { Activity, CommandResult, FromDaemon, FromServer, type ProtocolError } from './messages.ts'
import { readHead } from './object-head.ts'
import { replaceOversized, replaceTooLong } from './oversized.ts'
import { type Bounds, bounded, FREE, KIND, kept, mayChange, ruleOf } from './rules.ts'
import { Scan } from './scan.ts'
import { check, fits } from './schema-check.ts'
import { shorten } from './shorten.ts'
import { decodeText } from './tokens.ts'
import { whyNotJson } from './why-not-json.ts'

export type Parsed<M> =
  | { ok: true; message: M }
  /**
   * `error` is ready to be sent back. It is absent for an unknown type, which is not a fault. An unknown type
   * with a `command_id` is a command from a newer server.
   */
  | { ok: false; error?: ProtocolError; unknownType?: string; commandId?: string }

const ACTIVITY = 'agent:activity'
const ACTIVITY_START = new TextEncoder().encode(`{"type":"${ACTIVITY}",`)

/** Reports whether a frame begins like the activity of this project's daemons, which most frames are. */
const isActivity = (bytes: Uint8Array) => ACTIVITY_START.every((byte, at) => bytes[at] === byte)

interface Side {
  schemaOf(type: string): z.ZodMiniType | undefined
  bounds: Bounds
  /** Keeps the text of a frame's events for `textOfEvents`. */
  keepText?: boolean
}

const fault = (
  code: ProtocolError['code'],
  message: string,
  rest: Partial<ProtocolError> = {},
): Parsed<never> => ({
  ok: false,
  error: { type: 'protocol:error', code, message, ...rest },
})

const NO_OBJECT = 'A frame must be a JSON object with a "type".'
/** Rule for a frame of unknown or missing type. */
const ANY_OBJECT = { ...FREE, is: KIND.object }

/**
 * Returns a `command_id` unchanged, so that its author recognizes it. Returns undefined if it is too long for
 * an answer.
 */
const echo = (value: unknown) => (typeof value === 'string' && value.length <= PATH_CHARS ? value : undefined)

/** Returns the `command_id` of a frame if it is valid. */
const commandIdOf = (value: unknown) => CommandId.safeParse(value).data

/**
 * Parses a frame. First checks the frame's limits, so that an untrusted sender cannot make the parsing
 * expensive.
 */
function parse<M>(frame: string | Uint8Array, side: Side): Parsed<M> {
  const bytes = typeof frame === 'string' ? new TextEncoder().encode(frame) : frame
  const type = isActivity(bytes) ? ACTIVITY : readHead(bytes, ['type']).get('type')
  const schema = typeof type === 'string' ? side.schemaOf(type) : undefined
  const scan = new Scan(bytes, side.bounds)
  scan.value(schema ? ruleOf(schema) : ANY_OBJECT)
  const { fault: found } = scan
  if (found) {
    if (typeof type !== 'string') return fault('invalid', `${NO_OBJECT} ${found.message}`)
    const command_id = isOfCommand(schema)
      ? echo(readHead(bytes, ['command_id']).get('command_id'))
      : undefined
    return schema ? invalid(type, command_id, located(found)) : unknown(type, command_id)
  }
  let json: unknown
  try {
    json = JSON.parse(
      scan.apart.length > 0
        ? replaceOversized(bytes, scan.apart)
        : typeof frame === 'string'
          ? frame
          : decodeText(bytes),
    )
  } catch (error) {
    return fault('not_json', `The frame is not JSON: ${whyNotJson(error)}`)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return fault('invalid', NO_OBJECT)
  const place = side.keepText && scan.apart.length === 0 ? scan.kept : undefined
  const text = place && bytes.subarray(place.start, place.end)
  return read<M>(json as Record<string, unknown>, bytes.length, type, schema, text)
}

function read<M>(
  json: Record<string, unknown>,
  length: number,
  scanned: unknown,
  schema: z.ZodMiniType | undefined,
  text: Uint8Array | undefined,
): Parsed<M> {
  const { type, command_id } = json
  if (typeof type !== 'string') return fault('invalid', 'A frame must have a "type".', { path: 'type' })
  // The limits were checked for the first `type` in the text. A second `type` must not select another schema.
  if (type !== scanned) return fault('invalid', 'A frame must have exactly one "type".', { path: 'type' })
  if (!schema) return unknown(type, command_id)
  const events: unknown[] | undefined =
    schema === FromDaemon['agent:activity'] && Array.isArray(json.events) ? json.events : undefined
  // Most frames are activity, so do not copy them: return the parsed JSON itself, with any unknown fields.
  // A copy without these fields would cost as much as parsing.
  if (events && fits(schema, json, length)) {
    const isChanged = readInPlace(events)
    if (text && !isChanged) keepText(json, text)
    return { ok: true, message: json as M }
  }
  let result = check(schema, json, length)
  if (!result.success && events)
    result = check(schema, { ...json, events: replaceTooLong(events, (event) => check(AnyEvent, event)) })
  if (result.success) return { ok: true, message: result.data as M }
  return invalid(type, echo(command_id), faultOf(result.error))
}

/** Reports whether a frame may have a `command_id`. */
function isOfCommand(schema: z.ZodMiniType | undefined): boolean {
  const { shape } = (schema?._zod.def ?? {}) as { shape?: object }
  return !shape || 'command_id' in shape
}

/**
 * Event kinds that parsing may change: some fields may be shortened, or may have values from newer daemons.
 */
const CHANGING = new Set<unknown>(
  Event._zod.def.options.filter(mayChange).flatMap(({ _zod }) => [...(_zod.propValues?.kind ?? [])]),
)

/**
 * Replaces events by their parsed form, in the same list, if parsing may change events of this kind. The
 * events must match their schema. @returns whether an event was parsed
 */
function readInPlace(events: unknown[]): boolean {
  let isChanged = false
  for (const [at, event] of events.entries())
    if (CHANGING.has((event as AnyEvent).kind)) {
      events[at] = check(AnyEvent, event).data
      isChanged = true
    }
  return isChanged
}

function unknown(type: string, command_id: unknown): Parsed<never> {
  const commandId = commandIdOf(command_id)
  return { ok: false, unknownType: type, ...(commandId !== undefined && { commandId }) }
}

const invalid = (
  type: string,
  command_id: string | undefined,
  { message, path }: { message: string; path?: string },
) =>
  fault('invalid', `${shorten(type, PATH_CHARS)}: ${message}`, {
    of_type: shorten(type, PATH_CHARS),
    ...(path && { path }),
    ...(command_id !== undefined && { command_id }),
  })

const own = <T extends object>(table: T, key: string) =>
  Object.hasOwn(table, key) ? (table[key as keyof T] as unknown as z.ZodMiniType) : undefined

/** Levels of nesting around an event in its frame. */
const OUTER = 2

kept.add(Activity.shape.events)
bounded.set(AnyEvent, { nesting: Limits.nesting + OUTER, values: Limits.line_bytes / 2 })

/** Reads a frame that a server sent. */
export const parseFromServer = (frame: string | Uint8Array) =>
  parse<FromServer | Command>(frame, {
    schemaOf: (type) => own(FromServer, type) ?? own(Commands, type),
    bounds: { nesting: Limits.nesting, values: Limits.values },
  })

/**
 * Reads a frame that a daemon sent.
 * @param keepText keeps the text of the frame's events for `textOfEvents`; the frame must not change then
 */
export const parseFromDaemon = (frame: string | Uint8Array, { keepText = false } = {}) =>
  parse<FromDaemon>(frame, {
    keepText,
    schemaOf: (type) => own(FromDaemon, type) ?? (type.endsWith(':result') ? CommandResult : undefined),
    // A greeting has a higher limit, because it contains the input of each pending request.
    bounds: { nesting: Limits.nesting + 2 * OUTER, values: Limits.greeting_values },
  })

export const isCommand = (message: { type: string }): message is Command =>
  Object.hasOwn(Commands, message.type)
