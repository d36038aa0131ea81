import type * as z from 'zod/mini'
import { type Command, Commands } from './commands.ts'
import { Limits } from './errors.ts'
import { CommandId } from './ids.ts'
import { CommandResult, FromDaemon, FromServer, type ProtocolError } from './messages.ts'
import { isDeeper } from './nesting.ts'
import { shorten } from './shorten.ts'

/** Maximum length of a path or an id that is sent back: those of a frame may be as long as the frame. */
const PATH_CHARS = 1024

export type Parsed<M> =
  | { ok: true; message: M }
  /**
   * `error` is ready to be sent back. An unknown type is no fault: there is no error then. With a `command_id` it is a
   * command of a newer server.
   */
  | { ok: false; error?: ProtocolError; unknownType?: string; commandId?: string }

const fault = (
  code: ProtocolError['code'],
  message: string,
  rest: Partial<ProtocolError> = {},
): Parsed<never> => ({
  ok: false,
  error: { type: 'protocol:error', code, message, ...rest },
})

/** Returns a `command_id` as it came, for the command's author to recognize, unless it is too long to be sent back. */
const echo = (value: unknown) => (typeof value === 'string' && value.length <= PATH_CHARS ? value : undefined)

/** The `command_id` of a frame, if it has one that may be sent back. */
const commandIdOf = (value: unknown) => CommandId.safeParse(value).data

/** @param nesting how deep a frame may be nested */
function parse<M>(
  frame: string,
  schemaOf: (type: string) => z.ZodMiniType | undefined,
  nesting = Number.POSITIVE_INFINITY,
): Parsed<M> {
  let json: unknown
  try {
    json = JSON.parse(frame)
  } catch (error) {
    return fault('not_json', `The frame is not JSON: ${(error as Error).message}`)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return fault('invalid', 'A frame must be a JSON object with a "type".')
  const { type, command_id } = json as Record<string, unknown>
  if (typeof type !== 'string') return fault('invalid', 'A frame must have a "type".', { path: 'type' })
  const schema = schemaOf(type)
  const commandId = commandIdOf(command_id)
  if (!schema) return { ok: false, unknownType: type, ...(commandId !== undefined && { commandId }) }
  // It can be read at any depth, but not written.
  if (frame.length > 2 * nesting && isDeeper(json, nesting))
    return fault('invalid', `${type}: nested more than ${nesting} levels deep`, {
      of_type: type,
      ...(commandId !== undefined && { command_id: commandId }),
    })
  const result = schema.safeParse(json)
  if (result.success) return { ok: true, message: result.data as M }
  const { path, message } = faultOf(result.error)
  return fault('invalid', `${type}: ${message}`, {
    of_type: type,
    ...(path && { path }),
    ...(echo(command_id) && { command_id: echo(command_id) }),
  })
}

/** What is wrong, for people, and where: `path` as `spec.cwd`. */
export function faultOf({ issues }: z.core.$ZodError): { message: string; path?: string } {
  const issue = furthest(issues)
  const path = issue && shorten(issue.path.join('.'), PATH_CHARS)
  const message = issue?.message ?? 'invalid'
  return path ? { path, message: `${path}: ${message}` } : { message }
}

/** Of what may be one thing or another, that one is meant which fits up to the deepest place. */
function furthest([issue]: readonly z.core.$ZodIssue[]): z.core.$ZodIssue | undefined {
  if (issue?.code !== 'invalid_union') return issue
  // An issue of this kind left says that by its own mark the value is none of those: it counts less than any other.
  const rank = ({ code, path }: z.core.$ZodIssue) => 2 * path.length + (code === 'invalid_union' ? 0 : 1)
  const [inner] = issue.errors.flatMap((branch) => furthest(branch) ?? []).sort((a, b) => rank(b) - rank(a))
  return inner ? { ...inner, path: [...issue.path, ...inner.path] } : issue
}

const own = <T extends object>(table: T, key: string) =>
  Object.hasOwn(table, key) ? (table[key as keyof T] as unknown as z.ZodMiniType) : undefined

/** Reads a frame that a server sent. */
export const parseFromServer = (frame: string) =>
  parse<FromServer | Command>(frame, (type) => own(FromServer, type) ?? own(Commands, type), Limits.nesting)

/** Reads a frame that a daemon sent. */
export const parseFromDaemon = (frame: string) =>
  parse<FromDaemon>(
    frame,
    (type) => own(FromDaemon, type) ?? (type.endsWith(':result') ? CommandResult : undefined),
  )

export const isCommand = (message: { type: string }): message is Command =>
  Object.hasOwn(Commands, message.type)
