import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { reasonOf, shortageIn, UserError } from '../platform/errors.ts'
import { readAtMost } from '../platform/read-at-most.ts'
import { expanded, filledIn, standsForValue } from './placeholder.ts'

export interface KeySource {
  /** The key itself, or the path of a file with it. */
  key?: string
  file?: string
  /** The key is what it reads, even where that looks like a variable. */
  literal?: boolean
  /** How the user would name it, as `--key-file`. */
  name: string
}

export interface Key {
  key: string
  /** Where it was found. */
  source: string
  /** The file that holds it, where that is this machine's own to keep. */
  file?: string
  /** What is not as it should be with it. */
  warnings: string[]
}

/** Names of the key in systemd's credentials folder (`LoadCredential=key:…`). */
const CREDENTIALS = ['key', 'fomular-key']

/** The machine's key from flags, environment and systemd's credentials, in this order. */
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
 * Reads the key from the first of its sources. A file's text is the key, whatever it looks like.
 * @param env holds the key where an argument or a variable names a variable, as `$MACHINE_KEY`
 * @throws UserError when there is none, or the first has no usable key
 */
export function readKey(sources: KeySource[], missing: UserError, env: NodeJS.ProcessEnv = process.env): Key {
  const [source] = sources
  if (!source) throw missing
  const { name } = source
  if (source.file === undefined) {
    if (source.literal) return { key: checked(source.key ?? '', name), source: name, warnings: [] }
    return { ...named(source.key ?? '', name, env), warnings: [] }
  }
  const file = expanded(source.file, name, env)
  let found: ReturnType<typeof readAtMost>
  try {
    found = readAtMost(file, FILE_BYTES)
  } catch (error) {
    // Not the file's fault: the same start works in a moment.
    if (shortageIn(error)) throw error
    throw new UserError('key_unreadable', `${name}: ${file} cannot be read: ${reasonOf(error)}`, {
      remedy: 'Name a file that this user can read, with the key and nothing else in it.',
      exitCode: 2,
    })
  }
  const { text, mode } = found
  const isLent = name === 'systemd credential' || isContainerSecret(file)
  const open = (mode & 0o077) !== 0 && !isLent
  const warnings = open ? [`${file} can be read by other users: chmod 600 ${file}`] : []
  if (standsForValue(text.trim()))
    warnings.push(`${file} reads like a variable, and is taken as the key itself: write the key into it`)
  const key = checked(text, `${name} (${file})`)
  return { key, source: `${name} (${file})`, ...(!isLent && { file: resolve(file) }), warnings }
}

/** Maximum size of a key's file, in bytes: servers take no longer header. */
const FILE_BYTES = 8192

/** Containers have their secrets there, with rights that are not theirs to change. */
export const isContainerSecret = (file: string) => /^(\/var)?\/run\/secrets\//.test(file)

export const missingKey = () =>
  new UserError('key_missing', 'No key for the server was given.', {
    remedy:
      'Give one with --key-file FILE (recommended), FOMULAR_KEY_FILE, FOMULAR_KEY, --key, key_file in the configuration file, or the systemd credential "key". To run on this machine alone, no key is needed: `fomular-daemon up`.',
    exitCode: 2,
  })

function named(text: string, source: string, env: NodeJS.ProcessEnv): { key: string; source: string } {
  const { value, variable } = filledIn(text, source, env)
  const from = variable === undefined ? source : `${source}, the variable ${variable}`
  return { key: checked(value, from), source: from }
}

/** A key goes into an HTTP header: printable ASCII, no blanks. */
function checked(text: string, source: string): string {
  const key = text.trim()
  if (/^[\x21-\x7e]+$/.test(key)) return key
  const problem =
    key === ''
      ? 'is empty'
      : /\s/.test(key)
        ? 'has blanks or line breaks inside'
        : 'has characters that no key has'
  throw new UserError('key_invalid', `The key from ${source} ${problem}.`, {
    remedy:
      key === ''
        ? 'Give the key as the server showed it. Where a variable stands for it, that variable is empty or not set.'
        : 'Give the key exactly as the server showed it, and nothing else.',
    exitCode: 2,
  })
}

/** Shorter text may be part of a value by chance. */
const KEY_CHARS = 16

/** Arguments with the key, if it is among them, replaced by `***`: for files, logs and process lists. */
export const concealed = (args: readonly string[]): string[] =>
  args.map((arg, index) =>
    args[index - 1] === '--key' ? '***' : arg.startsWith('--key=') ? '--key=***' : arg,
  )

/**
 * Takes the key out of what this process shows of itself: out of its environment (what a child would inherit; the
 * system's own copy in /proc/<pid>/environ stays, for this user only) and, on Linux and macOS, out of its command line
 * as `ps` shows it.
 * @param key as it was read: every variable that holds it is removed, whatever its name
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
