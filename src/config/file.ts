import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { TomlError } from 'smol-toml'
import { reasonOf, shortageIn, systemCode, UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { faultsOf, type OwnershipFault } from '../platform/ownership.ts'
import { readAtMost } from '../platform/read-at-most.ts'
import { homeOf } from './home.ts'
import { suggest } from './suggest.ts'

export interface ConfigFile {
  path: string
  values: Record<string, unknown>
  /** True if only the file's owner can read it. */
  private: boolean
  text: string
  /** Faults that let other users change the file. */
  faults: OwnershipFault[]
}

/** Returns the usual paths of the configuration file, in order of precedence. */
export const usualFiles = (env: NodeJS.ProcessEnv) => [
  join(homeOf(env), '.fomular/config.toml'),
  '/etc/fomular-daemon/config.toml',
]

/** Maximum size of the file, in bytes: a settings file has only a few lines. */
export const FILE_BYTES = 1024 * 1024

/** Sections of the file. The keys of a section are named `section.key`. */
const SECTIONS = ['update']

/**
 * Reads the configuration file: the named file or else the first of the two usual files that exists.
 * @param known all keys that the file may have; if omitted, any key is accepted, and the caller must check
 * the keys
 * @param user uid of the only user, besides root, who may have written the file; by default, the uid of this
 * process
 * @throws UserError if a named file is missing, or a file is invalid
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
    // This user may be unable to read the file of the system's daemon.
    if (!named && systemCode(error) === 'EACCES') return undefined
    // This is a temporary shortage of the system, not a fault of the file: the next start may work.
    if (shortageIn(error)) throw error
    throw new UserError(
      'config_unreadable',
      `${named?.by ?? 'The configuration file'}: ${path} cannot be read: ${reasonOf(error)}`,
      {
        remedy: 'Name a file that exists and that this user can read.',
        exitCode: EXIT.usage,
      },
    )
  }
  const { parse } = await import('smol-toml')
  let table: Record<string, unknown>
  try {
    table = parse(read.text)
  } catch (error) {
    throw new UserError('config_invalid', `${path} is not valid TOML: ${tomlProblem(error)}`, {
      remedy: 'Correct the file.',
      exitCode: EXIT.usage,
    })
  }
  const values = flatten(table)
  for (const key of Object.keys(values)) {
    const unknown = known && unknownKey(path, key, known)
    if (unknown) throw unknown
  }
  return { path, values, private: (read.mode & 0o077) === 0, text: read.text, faults: faultsOf(path, user) }
}

/** Returns the problem and its position, without the lines that the parser shows: they may contain the key. */
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

/** Returns the error for an unknown key; undefined if the key is known. */
export function unknownKey(path: string, key: string, known: readonly string[]): UserError | undefined {
  if (known.includes(key)) return undefined
  const meant = suggest(key, known)
  return new UserError('config_invalid', `${path}: there is no setting "${key}".`, {
    remedy: meant ? `Did you mean "${meant}"?` : `Known settings: ${known.join(', ')}.`,
    exitCode: EXIT.usage,
  })
}
