import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { orUndefined } from '../platform/or-undefined.ts'
import { groupOf, isWithin, type UnitPlace, unitOf } from './cgroup.ts'
import type { Fate } from './fate.ts'
import { KEEPER } from './plan.ts'
import { findScopes } from './scopes.ts'
import { systemctl } from './systemctl.ts'

/** Maximum wait for an answer from systemd, in ms. */
const ANSWER_MS = 5000
/** Wrappers: programs that a unit may run to start the daemon, and that end when the daemon ends. */
const WRAPPER = /^(sh|dash|bash|ash|zsh|ksh|busybox|env|sudo|su|runuser|setpriv|npm( .*)?|npx( .*)?)$/

/**
 * Because of KillMode, systemd may end all processes of the daemon's unit when the daemon ends. If so,
 * returns what then happens to the agents; otherwise, returns undefined.
 */
export async function unitFate(pid: number, env: NodeJS.ProcessEnv): Promise<Fate | undefined> {
  const place = unitOf(groupOf(pid))
  if (!place || !existsSync('/run/systemd/system')) return undefined
  const unit = (await shown(place, env)) ?? (isStartedBySystemd(pid, env) ? written(place, env) : undefined)
  if (!unit || !endsWith(Number(unit.MainPID ?? pid), pid)) return undefined
  // The keeper shell outlives the daemon in the same unit, so the unit does not stop.
  if (env[KEEPER] !== undefined && env[KEEPER] === String(parentOf(pid))) return undefined
  const killMode = unit.KillMode || 'control-group'
  if (!['control-group', 'mixed'].includes(killMode) || unit.ExitType === 'cgroup') return undefined
  const shelter = await findScopes(place, env, unit.Slice)
  const user = place.scope === 'user' ? ' --user' : ''
  return {
    by: `the unit ${place.name}`,
    message: `The unit ${place.name} ends the agents in it whenever the daemon ends (KillMode=${killMode}).`,
    remedy: `Run ${place.scope === 'user' ? '' : 'sudo '}systemctl${user} edit ${place.name} and add two lines: [Service] and, below it, KillMode=process`,
    ends: (process) => isWithin(groupOf(process.pid), place.group),
    ...(shelter && { shelter }),
  }
}

type Facts = Partial<Record<string, string>>

/** Asks systemd for the properties of a unit. Returns undefined if systemd does not answer. */
async function shown(place: UnitPlace, env: NodeJS.ProcessEnv): Promise<Facts | undefined> {
  const properties = '--property=LoadState,KillMode,MainPID,ExitType,Slice'
  const said = await systemctl(place, env, ['show', properties, `${place.name}.service`], ANSWER_MS)
  const facts: Facts = Object.fromEntries((said ?? '').split('\n').map((line) => splitAt(line)))
  return said === undefined || facts.LoadState === 'not-found' ? undefined : facts
}

const splitAt = (line: string) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]

/** Reads a unit's properties from its files: without a message bus, systemd answers only root. */
function written({ name, scope }: UnitPlace, env: NodeJS.ProcessEnv): Facts {
  const home = env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config')
  const own = scope === 'user' ? [join(home, 'systemd/user')] : []
  const roots = ['/etc', '/run', '/usr/local/lib', '/usr/lib', '/lib'].map(
    (root) => `${root}/systemd/${scope}`,
  )
  const dirs = [...own, ...roots]
  const texts = [dirs.map((dir) => read(join(dir, `${name}.service`))).find((text) => text !== undefined)]
  const dropIns = new Map<string, string>()
  for (const dir of [...dirs].reverse().map((each) => join(each, `${name}.service.d`)))
    for (const file of namesIn(dir)) if (file.endsWith('.conf')) dropIns.set(file, join(dir, file))
  for (const [, path] of [...dropIns].sort(([a], [b]) => (a < b ? -1 : 1))) texts.push(read(path))
  return settings(texts.map((text) => text ?? '').join('\n'))
}

/**
 * Returns the assignments in the text of a unit file: for each name, the last value. Comments are skipped.
 */
export function settings(text: string): Facts {
  const lines = text.replace(/\\\n/g, ' ').matchAll(/^[ \t]*([A-Za-z]+)[ \t]*=[ \t]*(.*?)[ \t]*$/gm)
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value]))
}

const isStartedBySystemd = (pid: number, env: NodeJS.ProcessEnv) =>
  endsWith(Number(env.SYSTEMD_EXEC_PID), pid) || (env.INVOCATION_ID !== undefined && parentOf(pid) === 1)

/**
 * Reports whether a unit's main process ends with the daemon, because it is the daemon itself, or a wrapper
 * that waits for the daemon.
 */
export function endsWith(main: number, pid: number): boolean {
  if (main === pid) return true
  const parent = parentOf(pid)
  const name = parent === undefined ? undefined : read(`/proc/${parent}/comm`)?.trim()
  return parent !== undefined && parent > 1 && WRAPPER.test(name ?? '') && endsWith(main, parent)
}

function parentOf(pid: number): number | undefined {
  const [, parent] = /^PPid:\t(\d+)$/m.exec(read(`/proc/${pid}/status`) ?? '') ?? []
  return parent === undefined ? undefined : Number(parent)
}

const read = (path: string) => orUndefined(() => readFileSync(path, 'utf8'))

const namesIn = (dir: string) => orUndefined(() => readdirSync(dir)) ?? []
