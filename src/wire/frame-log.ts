import type * as z from 'zod/mini'
import type { Logger } from '../platform/log.ts'
import { CommandResult, Commands, FromDaemon, FromServer, HIDDEN, withoutSecrets } from '../protocol/index.ts'

/** Fields that identify a frame. */
const FACTS = ['command_id', 'agent_id', 'request_id', 'from', 'to', 'offsets', 'stage', 'ok', 'code']
/**
 * Fields whose texts are logged. All other texts come from people or agents, so only their lengths are
 * logged.
 */
const SHOWN = new Set([
  ...FACTS,
  ...[
    'machine_id',
    'instance_id',
    'prompt_id',
    'session_id',
    'kind',
    'state',
    'outcome',
    'reason',
    'runtime',
  ],
  ...['of_type', 'path', 'limit', 'journal', 'since', 'decision', 'model', 'permission_mode', 'severity'],
  ...['daemon_version', 'server_version', 'version', 'node_version', 'os', 'arch', 'capabilities'],
])
/**
 * Fields whose parts are logged. Other fields are left out, because both the names and the values in them
 * come from agents.
 */
const OPENED = new Set([
  ...[
    '',
    'spec',
    'machine',
    'agents',
    'events',
    'pending',
    'problems',
    'runtimes',
    'exit',
    'failure',
    'error',
  ],
  ...[
    'protocol',
    'offsets',
    'journals',
    'update',
    'memory',
    'disk',
    'lease',
    'env',
    'mcp_servers',
    'answers',
  ],
])
/**
 * Pattern of the field names that are logged. The pattern excludes names in which an agent could put a text.
 */
const NAME = /^\w{1,64}$/
/** Maximum length of a text that is logged, in UTF-16 units. */
const TEXT_CHARS = 128
/** Maximum number of items of one list or object that are logged. */
const ITEMS = 20
/** Maximum number of values of one frame that are logged. */
const VALUES = 300

type Direction = 'frame sent' | 'frame received'

/**
 * Logs a frame: its identifying fields at level `debug`, its outline at `trace`. The log contains no secrets,
 * and no texts of people or agents.
 * @param about facts about the other end
 */
export function logFrame(
  logger: Logger,
  direction: Direction,
  frame: { type: string },
  about?: () => object,
) {
  if (logger.isLevelEnabled('trace')) logger.trace({ ...about?.(), frame: outline(frame) }, direction)
  else if (logger.isLevelEnabled('debug')) logger.debug({ ...about?.(), ...facts(frame) }, direction)
}

const facts = ({ type, ...frame }: { type: string }) => ({
  type,
  ...Object.fromEntries(
    Object.entries(frame)
      .filter(([name]) => FACTS.includes(name))
      .map(([name, value]) => [name, shown(value, name, { left: VALUES })]),
  ),
})

/** Returns a copy of a frame for the log: without secrets and texts, and of limited size. */
export function outline(frame: { type: string }): unknown {
  const schema = schemaOf(frame.type)
  // If there is no schema, it is unknown which fields contain secrets.
  if (!schema) return facts(frame)
  const { type, ...rest } = frame
  return { type, ...(shown(withoutSecrets(schema, rest), '', { left: VALUES }) as object) }
}

function schemaOf(type: string): z.ZodMiniType | undefined {
  if (type.endsWith(':result')) return CommandResult
  const tables: Record<string, z.ZodMiniType>[] = [FromDaemon, FromServer, Commands]
  return tables.find((table) => Object.hasOwn(table, type))?.[type]
}

/** @param room number of values that may still be logged */
function shown(value: unknown, name: string, room: { left: number }): unknown {
  if (--room.left < 0) return '…'
  if (typeof value === 'string')
    return value === HIDDEN || (SHOWN.has(name) && value.length <= TEXT_CHARS)
      ? value
      : `[${value.length} characters]`
  if (typeof value !== 'object' || value === null) return value
  if (!OPENED.has(name)) return Array.isArray(value) ? `[${value.length} items]` : '[object]'
  if (Array.isArray(value)) {
    const items = value.slice(0, ITEMS).map((item) => shown(item, name, room))
    return value.length > ITEMS ? [...items, `… ${value.length} in all`] : items
  }
  const entries = Object.entries(value)
  return Object.fromEntries(
    entries
      .slice(0, ITEMS)
      .map(([key, part]) => [NAME.test(key) ? key : `[${key.length} characters]`, shown(part, key, room)]),
  )
}
