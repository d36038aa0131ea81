import { readdirSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import * as z from 'zod/mini'
import { UserError } from '../platform/errors.ts'
import { readInstalled } from './mark.ts'
import { ask } from './run.ts'
import { type Scope, userEnvironment } from './systemd.ts'
import { isOurs } from './troubles.ts'
import { runsOf } from './units.ts'

/** A unit that runs this program, and that this program has not written. */
export interface HandUnit {
  name: string
  /** The file that has its command. */
  path: string
}

/** How systemd understands a unit, with whatever other files add to it. */
export interface UnitFacts {
  /** Of each program that it starts. */
  commands: string[][]
  environment: Record<string, string>
  /** Paths of files with more of it. */
  environmentFiles: string[]
  user: string
  /** Whether its user exists only while it runs. */
  dynamicUser: boolean
  workingDirectory: string
  /** Names of folders in /var/lib. */
  stateDirectory: string[]
  /** What systemd hands over, by name. */
  credentials: Record<string, string>
}

const MOST_BYTES = 256 * 1024

/** In the order in which systemd looks. */
const folders = (scope: Scope) =>
  scope === 'system'
    ? ['/etc/systemd/system', '/usr/local/lib/systemd/system', '/usr/lib/systemd/system']
    : [join(homedir(), '.config/systemd/user'), '/etc/systemd/user', '/usr/lib/systemd/user']

/** Units that others have written for this program, by what their files say: also those that systemd has not loaded. */
export function unitsByHand(scope: Scope): HandUnit[] {
  const found = new Map<string, HandUnit | undefined>()
  for (const folder of folders(scope))
    for (const file of filesIn(folder, '.service')) {
      const name = basename(file, '.service')
      // The first folder that has one of this name counts.
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

/** Files beside a unit that add to it, and that an administrator writes. */
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

/** @returns undefined for what is no file, is too long for one of these, or cannot be read */
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

/** As systemd has it, which alone knows its own syntax. @throws UserError where systemd does not say */
export async function unitFacts(scope: Scope, name: string): Promise<UnitFacts> {
  const bus = async (...args: string[]): Promise<unknown[]> => {
    const argv = ['busctl', ...(scope === 'user' ? ['--user'] : []), '--json=short', ...args]
    const { code, stdout } = await ask(argv, scope === 'user' ? userEnvironment() : process.env)
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
    throw new UserError('unit_unreadable', `systemd does not say what the unit ${name} runs.`, {
      remedy: `Look at it with \`systemctl cat ${name}\`, remove it, and install the service with the same settings.`,
      cause: error,
    })
  }
}

function assignment(text: string): [string, string] {
  const at = text.indexOf('=')
  return [text.slice(0, at), text.slice(at + 1)]
}
