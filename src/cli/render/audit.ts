import type { AuditEntry } from '../../protocol/index.ts'
import { cleanLine } from './clean.ts'

const DETAILS = 160

/** Formats an entry of the audit log on one line. */
export function auditLine(entry: AuditEntry): string {
  const { at, by, from, action, machine_id, agent_id, target, outcome, code, times, details } = entry
  const who = `${by === undefined ? '-' : cleanLine(by, 64)}${from === undefined ? '' : ` (${cleanLine(from, 64)})`}`
  const on = [agent_id, machine_id && `on ${machine_id}`, target]
    .filter(Boolean)
    .map((part) => cleanLine(part!, 64))
  return [
    cleanLine(at, 24).slice(0, 19).replace('T', ' '),
    who,
    cleanLine(action, 64),
    ...on,
    `${cleanLine(outcome, 32)}${code === undefined ? '' : `: ${cleanLine(code, 64)}`}`,
    ...(times === undefined ? [] : [`${times} more times`]),
    ...(details ? [cleanLine(JSON.stringify(details), DETAILS)] : []),
  ].join('  ')
}
