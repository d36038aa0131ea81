import { readdirSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import * as z from 'zod/mini'
import { UserError } from '../platform/errors.ts'
import { query } from './run.ts'
import { type Scope, userEnvironment } from './systemd.ts'
import { isOurs } from './unit-checks.ts'
import { readInstalled } from './unit-mark.ts'
import { runsOf } from './units.ts'

/** A unit that a person wrote by hand, and that runs this program. */
export interface HandUnit {
  name: string
  /** Path of the unit file that contains the command. It is not a drop-in. */
  path: string
}

/** Settings of a unit as systemd parsed them, including the settings of its drop-ins. */
export interface UnitFacts {
  /** Argument list of each program that the unit starts. */
  commands: string[][]
  environment: Record<string, string>
  /** Paths of the files that `EnvironmentFile=` names. */
  environmentFiles: string[]
  user: string
  /** True if the unit's user exists only while the unit runs. */
  dynamicUser: boolean
  workingDirectory: string
  /** Names of the unit's folders in /var/lib. */
  stateDirectory: string[]
  /** Sources of the credentials that systemd passes to the unit, by name. */
  credentials: Record<string, string>
}

const MOST_BYTES = 256 * 1024

/** Returns the folders of unit files in systemd's order of precedence. */
const folders = (scope: Scope) =>
  scope === 'system'
    ? ['/etc/systemd/system', '/usr/local/lib/systemd/system', '/usr/lib/systemd/system']
    : [join(homedir(), '.config/systemd/user'), '/etc/systemd/user', '/usr/lib/systemd/user']

/**
 * Finds hand-written units of this program. Reads the unit files, because systemd may not have loaded all of
 * these units.
 */
export function handwrittenUnits(scope: Scope): HandUnit[] {
  const found = new Map<string, HandUnit | undefined>()
  for (const folder of folders(scope))
    for (const file of filesIn(folder, '.service')) {
      const name = basename(file, '.service')
      // A unit file overrides files of the same name in later folders.
      if (!found.has(name)) found.set(name, isByHand(file) ? { name, path: file } : undefined)
    }
  return [...found.values()].filter((unit) => unit !== undefined)
}

function isByHand(path: string): boolean {
  const text = readText(path)
  if (text === undefined || readInstalled(path)?.mark) return false
  const commands = text.replace(/\\\n/g, ' ').match(/^\s*ExecStart\s*=.*$/gm) ?? []
  return commands.some((command) => isOurs(command) && runsOf(command) === 'daemon')
}

/** Returns the paths of a unit's drop-in files in the administrator's folder. */
export const dropIns = (scope: Scope, name: string) =>
  filesIn(`${folders(scope)[0]}/${name}.service.d`, '.conf')

export function filesIn(folder: string, ending: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(ending))
      .map((name) => join(folder, name))
  } catch {
    return []
  }
}

/**
 * @returns the content; undefined if the path is not a regular file, the file is larger than `MOST_BYTES`, or
 * it cannot be read
 */
export function readText(path: string): string | undefined {
  try {
    const stat = statSync(path)
    return stat.isFile() && stat.size <= MOST_BYTES ? readFileSync(path, 'utf8') : undefined
  } catch {
    return undefined
  }
}

const SERVICE = 'org.freedesktop.systemd1'
const Text = z.object({ data: z.string() })
const Truth = z.object({ data: z.boolean() })
const Texts = z.object({ data: z.array(z.string()) })
const Pairs = z.object({ data: z.array(z.tuple([z.string(), z.unknown()])) })
const Commands = z.object({ data: z.array(z.tuple([z.string(), z.array(z.string())], z.unknown())) })

/**
 * Asks systemd for a unit's settings, because only systemd parses the syntax of units exactly.
 * @throws UserError if systemd does not answer
 */
export async function unitFacts(scope: Scope, name: string): Promise<UnitFacts> {
  const bus = async (...args: string[]): Promise<unknown[]> => {
    const argv = ['busctl', ...(scope === 'user' ? ['--user'] : []), '--json=short', ...args]
    const { code, stdout } = await query(argv, scope === 'user' ? userEnvironment() : process.env)
    if (code !== 0) throw new Error(`busctl: code ${code}`)
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  }
  try {
    const path = `/${SERVICE.replaceAll('.', '/')}`
    const [loaded] = await bus(
      'call',
      SERVICE,
      path,
      `${SERVICE}.Manager`,
      'LoadUnit',
      's',
      `${name}.service`,
    )
    const [unit = ''] = Texts.parse(loaded).data
    const properties = [
      'ExecStart',
      'Environment',
      'EnvironmentFiles',
      'User',
      'DynamicUser',
      'WorkingDirectory',
      'StateDirectory',
      'LoadCredential',
    ]
    const [command, environment, files, user, dynamic, directory, state, credentials] = await bus(
      'get-property',
      SERVICE,
      unit,
      `${SERVICE}.Service`,
      ...properties,
    )
    return {
      commands: Commands.parse(command).data.map(([, argv]) => argv),
      environment: Object.fromEntries(Texts.parse(environment).data.map(assignment)),
      environmentFiles: Pairs.parse(files).data.map(([file]) => file),
      user: Text.parse(user).data,
      dynamicUser: Truth.parse(dynamic).data,
      workingDirectory: Text.parse(directory).data.replace(/^[-!]+/, ''),
      stateDirectory: Texts.parse(state).data,
      credentials: Object.fromEntries(Pairs.parse(credentials).data.map(([id, from]) => [id, String(from)])),
    }
  } catch (error) {
    throw new UserError('unit_unreadable', `Cannot get the settings of the unit ${name} from systemd.`, {
      remedy: `See its settings with \`systemctl cat ${name}\`, remove it, and install the service with the same settings.`,
      cause: error,
    })
  }
}

function assignment(text: string): [string, string] {
  const at = text.indexOf('=')
  return [text.slice(0, at), text.slice(at + 1)]
}
