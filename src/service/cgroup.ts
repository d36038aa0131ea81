import { readFileSync } from 'node:fs'

/** The systemd service that a process belongs to. */
export interface UnitPlace {
  /** Name without `.service`. */
  name: string
  /** The systemd instance that runs the service: the system manager, or the user's own instance. */
  scope: 'system' | 'user'
  /** Path of the service's control group. */
  group: string
}

/**
 * Returns the path of a process's systemd control group; undefined if the process has none or does not exist.
 */
export function groupOf(pid: number | 'self'): string | undefined {
  try {
    return parseGroups(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * Returns the path in systemd's own hierarchy, which exists with cgroups v1 and in hybrid setups. Without
 * that hierarchy, returns the v2 path.
 */
export function parseGroups(text: string): string | undefined {
  const path = (pattern: RegExp) => pattern.exec(text)?.[1]
  return path(/^\d+:name=systemd:(.+)$/m) ?? path(/^0::(.+)$/m)
}

/**
 * Returns the service that a control group belongs to. A scope inside a service is a separate unit, not that service.
 */
export function unitOf(group: string | undefined): UnitPlace | undefined {
  const parts = group?.split('/') ?? []
  const at = parts.findLastIndex((part) => /\.(service|scope)$/.test(part))
  const [, name] = /^(.+)\.service$/.exec(parts[at] ?? '') ?? []
  if (name === undefined) return undefined
  const scope = parts.slice(0, at).some((part) => /^user@\d+\.service$/.test(part)) ? 'user' : 'system'
  return { name, scope, group: parts.slice(0, at + 1).join('/') }
}

/** Reports whether a control group is `outer` or inside it. */
export const isWithin = (group: string | undefined, outer: string) =>
  group === outer || group?.startsWith(`${outer}/`) === true
