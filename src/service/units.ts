import { readdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { basename, join } from 'node:path'
import { stateDir } from '../config/paths.ts'
import { readOwned } from '../platform/open-owned.ts'
import type { ManagerName, Runs } from './plan.ts'
import { query } from './run.ts'
import { type Properties, type Scope, userEnvironment } from './systemd.ts'
import { isOurs } from './unit-checks.ts'
import { parseMark } from './unit-mark.ts'

/** A service that runs this program, whether generated or hand-written. */
export interface Service {
  manager: ManagerName
  name: string
  runs: Runs
  /** Name of the user it runs as, if known. */
  user?: string
  state_dir?: string
  /** Folder of the service's hub, if that folder is not in the state folder. */
  hub_dir?: string
  running: boolean
  /** State of the service as its manager words it. */
  state: string
  pid?: number
}

/** Maximum size of a unit file, in bytes. Unit files normally have one or two pages. */
const UNIT_BYTES = 256 * 1024
/** Maximum number of units of this program. No real machine has as many. */
const MOST_UNITS = 256

const FOLDERS: Record<Scope, (home: string) => string[]> = {
  system: () => [
    '/etc/systemd/system',
    '/run/systemd/system',
    '/run/systemd/transient',
    '/usr/local/lib/systemd/system',
    '/usr/lib/systemd/system',
    '/lib/systemd/system',
  ],
  user: (home) => [
    join(home, '.config/systemd/user'),
    '/etc/systemd/user',
    `/run/user/${process.getuid?.()}/systemd/transient`,
    join(home, '.local/share/systemd/user'),
    '/usr/lib/systemd/user',
  ],
}

/**
 * Lists all units that run this program, regardless of their names, including units that are not active. Asks
 * systemd only if such units exist.
 */
export async function listUnits(scope: Scope, home: string): Promise<Service[]> {
  const texts = new Map<string, string>()
  for (const folder of FOLDERS[scope](home)) {
    for (const file of unitFiles(folder)) {
      if (texts.size === MOST_UNITS) break
      const name = basename(file, '.service')
      const text = texts.has(name) ? undefined : readOwned(join(folder, file), UNIT_BYTES)
      if (text !== undefined && (isOurs(commandIn(text)) || parseMark(text))) texts.set(name, text)
    }
  }
  if (texts.size === 0) return []
  const shown = await show(scope, [...texts.keys()])
  return Promise.all(
    [...texts].map(([name, text]) => service(scope, name, text, shown.get(`${name}.service`) ?? {})),
  )
}

/** Lists the unit files of a folder. Omits templates, because they are not services. */
function unitFiles(folder: string): string[] {
  try {
    return readdirSync(folder).filter((file) => file.endsWith('.service') && !file.includes('@'))
  } catch {
    return []
  }
}

/** Returns a unit's last `ExecStart=` command, after any empty `ExecStart=` that resets the list. */
const commandIn = (text: string) =>
  text
    .replace(/\\\n/g, ' ')
    .match(/^ExecStart=.+$/gm)
    ?.at(-1)
    ?.replaceAll('"', '') ?? ''

async function show(scope: Scope, names: string[]): Promise<Map<string, Properties>> {
  const wanted = 'Id,ExecStart,User,MainPID,ActiveState,SubState,StateDirectory,Environment'
  const argv = ['systemctl', ...(scope === 'user' ? ['--user'] : []), 'show', `--property=${wanted}`, '--']
  const { stdout } = await query([...argv, ...names.map((name) => `${name}.service`)], userEnvironment())
  return new Map(
    stdout.split('\n\n').map((block) => {
      const properties = Object.fromEntries(
        block.split('\n').map((line) => {
          const at = line.indexOf('=')
          return [line.slice(0, at), line.slice(at + 1)]
        }),
      )
      return [properties.Id ?? '', properties]
    }),
  )
}

async function service(scope: Scope, name: string, text: string, shown: Properties): Promise<Service> {
  const mark = parseMark(text)
  const command = /argv\[\]=(.*?) ; /.exec(shown.ExecStart ?? '')?.[1] ?? commandIn(text)
  const user = scope === 'user' ? userInfo().username : mark?.user || shown.User || 'root'
  const runs = runsOf(command)
  const pid = Number(shown.MainPID ?? 0)
  const { ActiveState: active = 'unknown', SubState: sub = 'unknown' } = shown
  const state_dir = mark?.state_dir ?? (await stateOf(command, shown, user, scope))
  const hub_dir = flagIn(command, 'data-dir')
  return {
    manager: scope === 'system' ? 'systemd' : 'systemd-user',
    name,
    runs,
    user,
    ...(state_dir !== undefined && { state_dir }),
    ...(hub_dir !== undefined && { hub_dir }),
    running: active === 'active' || active === 'reloading' || pid > 0,
    state: `${active} (${sub})`,
    ...(pid > 0 && { pid }),
  }
}

/**
 * Returns which program a command line runs. Its first word after the program's path decides: it is a
 * subcommand, or a flag of the daemon.
 */
export function runsOf(command: string): Runs {
  const [, first] = /(?:fomular-daemon\S*|index\.js)"?\s+(hub|up)(?=\s|$)/.exec(command) ?? []
  return first === 'hub' || first === 'up' ? first : 'daemon'
}

export const flagIn = (command: string, flag: string) =>
  new RegExp(`\\s--${flag}[ =]"?([^\\s"]+)`).exec(command)?.[1]

async function stateOf(command: string, shown: Properties, user: string, scope: Scope) {
  const named =
    flagIn(command, 'state-dir') ?? / FOMULAR_STATE_DIR=(\S+)/.exec(` ${shown.Environment ?? ''}`)?.[1]
  if (named !== undefined) return named
  const [folder] = (shown.StateDirectory ?? '').split(' ')
  if (folder && scope === 'system') return join('/var/lib', folder)
  const home = await homeOfUser(user)
  return home === undefined ? undefined : stateDir({ HOME: home })
}

async function homeOfUser(user: string): Promise<string | undefined> {
  const { stdout } = await query(['getent', 'passwd', user])
  return stdout.trim().split(':')[5] || undefined
}
