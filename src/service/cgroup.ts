import { readFileSync } from 'node:fs'

/** A systemd service that a process is in. */
export interface UnitPlace {
  /** Without `.service`. */
  name: string
  /** Whose systemd runs it: the machine's, or the user's own. */
  scope: 'system' | 'user'
  /** Path of its control group. */
  group: string
}

/** Path of the control group in which systemd keeps a process; undefined where there is none, or no such process. */
export function groupOf(pid: number | 'self'): string | undefined {
  try {
    return parseGroups(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))
  } catch {
    return undefined
  }
}

/** With cgroups v1, alone or beside v2, systemd has a hierarchy of its own, which is the one that counts. */
export function parseGroups(text: string): string | undefined {
  const path = (pattern: RegExp) => pattern.exec(text)?.[1]
  return path(/^\d+:name=systemd:(.+)$/m) ?? path(/^0::(.+)$/m)
}

/** The service that a control group belongs to. A scope within a service is a unit of its own. */
export function unitOf(group: string | undefined): UnitPlace | undefined {
  const parts = group?.split('/') ?? []
  const at = parts.findLastIndex((part) => /\.(service|scope)$/.test(part))
  const [, name] = /^(.+)\.service$/.exec(parts[at] ?? '') ?? []
  if (name === undefined) return undefined
  const scope = parts.slice(0, at).some((part) => /^user@\d+\.service$/.test(part)) ? 'user' : 'system'
  return { name, scope, group: parts.slice(0, at + 1).join('/') }
}

/** Whether a control group is this one or within it. */
export const isWithin = (group: string | undefined, outer: string) =>
  group === outer || group?.startsWith(`${outer}/`) === true
