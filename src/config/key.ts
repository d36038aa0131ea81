import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { reasonOf, shortageIn, UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { readAtMost } from '../platform/read-at-most.ts'
import { expand, fillIn, standsForValue } from './placeholder.ts'

export interface KeySource {
  /** The key itself, or the path of a file with the key. */
  key?: string
  file?: string
  /** True if the text is the key even if it looks like a variable. */
  literal?: boolean
  /** Name shown to the user, such as `--key-file`. */
  name: string
}

export interface Key {
  key: string
  /** Name of the source. */
  source: string
  /** File with the key, unless systemd or a container provides it. */
  file?: string
  /** Problems with the key or its file that do not prevent its use. */
  warnings: string[]
}

/** Names of the key in systemd's credentials folder (`LoadCredential=key:…`). */
const CREDENTIALS = ['key', 'fomular-key']

/** Returns the sources of the machine's key: flags, environment and systemd's credentials, in this order. */
export function keySources(
  flags: { key?: string | undefined; keyFile?: string | undefined },
  env: NodeJS.ProcessEnv,
): KeySource[] {
  const sources: KeySource[] = []
  if (flags.key !== undefined) sources.push({ name: '--key', key: flags.key })
  if (flags.keyFile !== undefined) sources.push({ name: '--key-file', file: flags.keyFile })
  if (env.FOMULAR_KEY) sources.push({ name: 'FOMULAR_KEY', key: env.FOMULAR_KEY })
  if (env.FOMULAR_KEY_FILE) sources.push({ name: 'FOMULAR_KEY_FILE', file: env.FOMULAR_KEY_FILE })
  const folder = env.CREDENTIALS_DIRECTORY
  const credential = folder && CREDENTIALS.map((name) => join(folder, name)).find((path) => existsSync(path))
  if (credential) sources.push({ name: 'systemd credential', file: credential })
  return sources
}

/**
 * Reads the key from the first of its sources. The text of a file is the key, even if it looks like a
 * variable.
 * @param env environment that contains the variable if the key was given as a variable, such as
 * `$MACHINE_KEY`
 * @throws UserError if there is no source, or the first source has no usable key
 */
export function readKey(sources: KeySource[], missing: UserError, env: NodeJS.ProcessEnv = process.env): Key {
  const [source] = sources
  if (!source) throw missing
  const { name } = source
  if (source.file === undefined) {
    if (source.literal) return { key: checked(source.key ?? '', name), source: name, warnings: [] }
    return { ...named(source.key ?? '', name, env), warnings: [] }
  }
  const file = expand(source.file, name, env)
  let found: ReturnType<typeof readAtMost>
  try {
    found = readAtMost(file, FILE_BYTES)
  } catch (error) {
    // A temporary shortage, not a fault of the file: the next start may work.
    if (shortageIn(error)) throw error
    throw new UserError('key_unreadable', `${name}: ${file} cannot be read: ${reasonOf(error)}`, {
      remedy: 'Name a file that this user can read and that contains only the key.',
      exitCode: EXIT.usage,
    })
  }
  const { text, mode } = found
  const isLent = name === 'systemd credential' || isContainerSecret(file)
  const open = (mode & 0o077) !== 0 && !isLent
  const warnings = open ? [`other users can read ${file}: run chmod 600 ${file}`] : []
  if (standsForValue(text.trim()))
    warnings.push(
      `the text of ${file} looks like a variable, but is used unchanged as the key: if it is not the key, write the key into the file`,
    )
  const key = checked(text, `${name} (${file})`)
  return { key, source: `${name} (${file})`, ...(!isLent && { file: resolve(file) }), warnings }
}

/** Maximum size of a key's file, in bytes: servers do not accept a longer header. */
const FILE_BYTES = 8192

/**
 * Reports whether a file is a container's secret. The container cannot change the owner and mode of this
 * file.
 */
export const isContainerSecret = (file: string) => /^(\/var)?\/run\/secrets\//.test(file)

export const missingKey = () =>
  new UserError('key_missing', 'No key for the server was given.', {
    remedy:
      'Give a key with --key-file FILE (recommended), FOMULAR_KEY_FILE, FOMULAR_KEY, --key, key_file in the configuration file, or the systemd credential "key". To run on this machine alone, use `fomular-daemon up`, which needs no key.',
    exitCode: EXIT.usage,
  })

function named(text: string, source: string, env: NodeJS.ProcessEnv): { key: string; source: string } {
  const { value, variable } = fillIn(text, source, env)
  const from = variable === undefined ? source : `${source}, the variable ${variable}`
  return { key: checked(value, from), source: from }
}

/** Checks that a key fits into an HTTP header: printable ASCII, no blanks. */
function checked(text: string, source: string): string {
  const key = text.trim()
  if (/^[\x21-\x7e]+$/.test(key)) return key
  const problem =
    key === ''
      ? 'is empty'
      : /\s/.test(key)
        ? 'contains blanks or line breaks'
        : 'contains characters that are not allowed in a key'
  throw new UserError('key_invalid', `The key from ${source} ${problem}.`, {
    remedy:
      key === ''
        ? 'Give the key as the server showed it. If you used a variable for the key, this variable is empty or not set.'
        : 'Give the key exactly as the server showed it, and nothing else.',
    exitCode: EXIT.usage,
  })
}

/**
 * Minimum length, in characters, of a key that is searched for within other values. A shorter key may occur
 * in them by chance.
 */
const KEY_CHARS = 16

/** Replaces the key in arguments with `***`, for files, logs and process lists. */
export const concealed = (args: readonly string[]): string[] =>
  args.map((arg, index) =>
    args[index - 1] === '--key' ? '***' : arg.startsWith('--key=') ? '--key=***' : arg,
  )

/**
 * Removes the key from this process's environment, which children inherit. On Linux and macOS, also removes
 * the key from the command line that `ps` shows. The key stays in the system's own copy of the environment,
 * /proc/<pid>/environ, which only this user and root can read.
 * @param key the key that was read: every variable that contains this key is removed
 */
export function concealKey(key?: string, proc: NodeJS.Process = process) {
  for (const [name, value = ''] of Object.entries(proc.env))
    if (/^FOMULAR_(HUB_)?KEY$/.test(name) || (key !== undefined && holds(value, key))) delete proc.env[name]
  const args = [...proc.execArgv, ...proc.argv.slice(1)]
  const shown = concealed(args)
  if (shown.some((arg, index) => arg !== args[index])) proc.title = [proc.argv0, ...shown].join(' ')
}

const holds = (value: string, key: string) =>
  value.trim() === key || (key.length >= KEY_CHARS && value.includes(key))
