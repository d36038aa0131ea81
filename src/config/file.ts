import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { TomlError } from 'smol-toml'
import { reasonOf, shortageIn, systemCode, UserError } from '../platform/errors.ts'
import { type Fault, faultsOf } from '../platform/ours.ts'
import { readAtMost } from '../platform/read-at-most.ts'
import { homeOf } from './home.ts'
import { suggest } from './suggest.ts'

export interface ConfigFile {
  path: string
  values: Record<string, unknown>
  /** Nobody but its owner can read it. */
  private: boolean
  text: string
  /** What lets others change it. */
  faults: Fault[]
}

/** Where the configuration file is looked for, the first first. */
export const usualFiles = (env: NodeJS.ProcessEnv) => [
  join(homeOf(env), '.fomular/config.toml'),
  '/etc/fomular-daemon/config.toml',
]

/** Maximum size of the file, in bytes: settings are some lines. */
export const FILE_BYTES = 1024 * 1024

/** Sections of the file; their keys are known as `section.key`. */
const SECTIONS = ['update']

/**
 * Reads the configuration file: the one named, else the first there is of the usual two.
 * @param known all keys it may have; without it any are taken, for a look at what is wrong with them
 * @param user uid of the user, besides root, who may have written it; this process's by default
 * @throws UserError when a named one is missing, or one is not understood
 */
export async function readConfigFile(
  named: { path: string; by: string } | undefined,
  env: NodeJS.ProcessEnv,
  known?: readonly string[],
  user?: number,
): Promise<ConfigFile | undefined> {
  const path = named?.path ?? usualFiles(env).find((candidate) => existsSync(candidate))
  if (path === undefined) return undefined
  let read: ReturnType<typeof readAtMost>
  try {
    read = readAtMost(path, FILE_BYTES)
  } catch (error) {
    // A file for the system's own daemon need not be for this user's.
    if (!named && systemCode(error) === 'EACCES') return undefined
    // Not the file's fault: the same start works in a moment.
    if (shortageIn(error)) throw error
    throw new UserError(
      'config_unreadable',
      `${named?.by ?? 'The configuration file'}: ${path} cannot be read: ${reasonOf(error)}`,
      {
        remedy: 'Name a file that exists and that this user can read.',
        exitCode: 2,
      },
    )
  }
  const { parse } = await import('smol-toml')
  let table: Record<string, unknown>
  try {
    table = parse(read.text)
  } catch (error) {
    throw new UserError('config_invalid', `${path} is not valid TOML: ${tomlProblem(error)}`, {
      remedy: 'Correct it there.',
      exitCode: 2,
    })
  }
  const values = flatten(table)
  for (const key of Object.keys(values)) {
    const unknown = known && unknownKey(path, key, known)
    if (unknown) throw unknown
  }
  return { path, values, private: (read.mode & 0o077) === 0, text: read.text, faults: faultsOf(path, user) }
}

/** What is wrong and where, without the lines themselves, which the parser shows: one of them may be the key. */
export function tomlProblem(error: unknown): string {
  const { message, line, column } = error as TomlError
  const [problem = ''] = message.split('\n')
  const where = line === undefined ? '' : `line ${line}, column ${column}: `
  return `${where}${problem.replace('Invalid TOML document: ', '')}`
}

const flatten = (table: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(table).flatMap(([key, value]) =>
      SECTIONS.includes(key) && typeof value === 'object' && value !== null
        ? Object.entries(value).map(([inner, of]) => [`${key}.${inner}`, of] as const)
        : [[key, value] as const],
    ),
  )

/** What is wrong with a key, if it is none of those that there are. */
export function unknownKey(path: string, key: string, known: readonly string[]): UserError | undefined {
  if (known.includes(key)) return undefined
  const meant = suggest(key, known)
  return new UserError('config_invalid', `${path}: there is no setting "${key}".`, {
    remedy: meant ? `Did you mean "${meant}"?` : `Known settings: ${known.join(', ')}.`,
    exitCode: 2,
  })
}
