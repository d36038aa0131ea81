import type { Block, EventOf, SessionBlock } from '../block.ts'

/** Facts of a session. A fact that no event reported is undefined. */
export interface Session {
  session_id?: string
  model?: string
  cwd?: string
  permission_mode?: string
  runtime_version?: string
  failed_servers?: string
}

const NAMES: readonly (readonly [field: keyof Session, name: string])[] = [
  ['model', 'Model'],
  ['permission_mode', 'Permission mode'],
  ['cwd', 'Folder'],
  ['runtime_version', 'Version'],
  ['session_id', 'Session'],
]

/** Reports whether every fact of a session is known. */
export const isComplete = (session: Session | undefined): boolean =>
  NAMES.every(([field]) => session?.[field] !== undefined) && session?.failed_servers !== undefined

/** MCP servers' states that need nobody. */
const FINE = new Set(['connected', 'pending'])

export function sessionOf(event: EventOf<'session'>): Session {
  const { session_id, model, cwd, permission_mode, runtime_version, mcp_servers } = event
  const failed = mcp_servers?.flatMap((server) => failedServer(server)).join('\n')
  const facts = { session_id, model, cwd, permission_mode, runtime_version, failed_servers: failed }
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))
}

function failedServer(server: unknown): string[] {
  if (typeof server !== 'object' || server === null) return []
  const { name, status } = server as Record<string, unknown>
  return typeof name === 'string' && typeof status === 'string' && !FINE.has(status)
    ? [`${name.replaceAll('\n', ' ')}: ${status.replaceAll('\n', ' ')}`]
    : []
}

/** Returns a block about what changed from a session to the next; undefined if nothing did. */
export function sessionBlock(
  { key, time }: Pick<Block, 'key' | 'time'>,
  session: Session,
  before: Session | undefined,
): SessionBlock | undefined {
  const changes = NAMES.flatMap(([field, name]) => {
    const value = session[field]
    return value === undefined || value === before?.[field] ? [] : [[name, value] as const]
  })
  const isNews = session.failed_servers !== undefined && session.failed_servers !== before?.failed_servers
  const failed_servers = isNews ? session.failed_servers!.split('\n').filter(Boolean) : []
  if (changes.length + failed_servers.length === 0) return undefined
  return { kind: 'session', key, time, changes, failed_servers }
}

/** Returns the cost of a turn, in dollars. The cost of a process starts again if the process does. */
export function costOf({ total_cost_usd: total }: EventOf<'turn_result'>, before: number | undefined) {
  if (total === undefined || before === undefined) return undefined
  return total < before ? total : total - before
}
