import { existsSync } from 'node:fs'
import { UserError } from '../platform/errors.ts'
import type { OwnershipFault } from '../platform/ownership.ts'
import { type ConfigFile, readConfigFile, unknownKey, usualFiles } from './file.ts'
import { machineKey } from './machine-key.ts'
import { stateDir } from './paths.ts'
import { faultsOfFile } from './refuse-foreign.ts'
import { serverUrl } from './server-url.ts'
import { CONFIG_KEYS, DEFAULTS, NAMES, type Name } from './settings.ts'
import { type DaemonFlags, findSetting, namedFile, type Sources } from './sources.ts'
import { suggest } from './suggest.ts'
import { tomlLines } from './toml-lines.ts'

/** A setting with its value in effect. */
interface Setting {
  /** Name in the configuration file. */
  name: string
  /** Null if there is no value, or no usable value. `key` is secret, so its value is shown as "set". */
  value: string | number | boolean | null
  /**
   * `--max-agents`, `FOMULAR_MAX_AGENTS`, `/etc/…/config.toml:3`, `default`, or empty if there is no value.
   */
  source: string
}

interface Problem {
  /** The daemon does not start if there is an error. */
  level: 'error' | 'warning'
  message: string
  remedy?: string
}

export interface Explained {
  /** The configuration file in effect. */
  file?: string
  /** Files that would be used if the file in effect did not exist. */
  shadowed: string[]
  settings: Setting[]
  problems: Problem[]
}

/**
 * Returns every setting of a daemon started here, with its source. Returns problems instead of throwing them.
 * Throws only if the file cannot be read.
 * @throws UserError
 */
export async function explainConfig(flags: DaemonFlags, env: NodeJS.ProcessEnv): Promise<Explained> {
  const file = await readConfigFile(namedFile(flags, env), env)
  const sources: Sources = { flags, env, file }
  const problems: Problem[] = [
    ...(file?.faults ?? []).map(problemOf),
    ...(file ? unknownKeys(file) : []),
    ...misspelled(env),
  ]
  const tell = (error: unknown) => {
    if (!(error instanceof UserError)) throw error
    const { message, remedy } = error
    problems.push({ level: 'error', message, ...(remedy !== undefined && { remedy }) })
  }
  const settings = NAMES.map((name): Setting => {
    try {
      return settingOf(name, sources)
    } catch (error) {
      tell(error)
      return { name, value: null, source: '' }
    }
  })
  const authority = settings.find(({ name }) => name === 'ca_file')?.value
  if (typeof authority === 'string') problems.push(...faultsOfFile(authority).map(problemOf))
  const key: Setting = { name: 'key', value: null, source: '' }
  try {
    const found = machineKey(sources)
    Object.assign(key, { value: 'set', source: placed(found.source, file) })
    problems.push(...found.warnings.map((message) => ({ level: 'warning' as const, message })))
    problems.push(...faultsOfFile(found.file).map(problemOf))
  } catch (error) {
    // `up` needs no key.
    if (!(error instanceof UserError) || error.code !== 'key_missing') tell(error)
  }
  const shadowed = usualFiles(env).filter((path) => path !== file?.path && existsSync(path))
  return {
    ...(file && { file: file.path }),
    shadowed: file ? shadowed : [],
    settings: [key, ...settings],
    problems,
  }
}

function settingOf(name: Name, sources: Sources): Setting {
  const found = findSetting(name, sources)
  if (found) {
    const { source } = found
    const insecure = findSetting('allow_insecure', sources)?.value ?? false
    const value = name === 'server_url' ? serverUrl(String(found.value), source, insecure) : found.value
    return { name, value: withoutPassword(value), source: placed(source, sources.file) }
  }
  if (name === 'state_dir') return { name, value: stateDir(sources.env), source: 'default' }
  const known = Object.hasOwn(DEFAULTS, name) ? DEFAULTS[name as keyof typeof DEFAULTS] : undefined
  return known === undefined ? { name, value: null, source: '' } : { name, value: known, source: 'default' }
}

/** Hides the password in an address, such as a registry's address. */
const withoutPassword = <T>(value: T) =>
  typeof value === 'string' ? value.replace(/:\/\/[^/@]+@/, '://***@') : value

/**
 * Converts an unsafe owner or mode of the file into a problem. An unsafe mode is only a warning, because the
 * daemon tolerates some modes, and determines only at its start which ones.
 */
const problemOf = ({ message, kind, remedy }: OwnershipFault): Problem => ({
  level: kind === 'owner' ? 'error' : 'warning',
  message: `${message}.`,
  remedy: `Run ${remedy}`,
})

const unknownKeys = (file: ConfigFile): Problem[] =>
  Object.keys(file.values).flatMap((key) => {
    const unknown = unknownKey(placed(`${file.path}: ${key}`, file), key, CONFIG_KEYS)
    if (!unknown) return []
    return [{ level: 'error', message: unknown.message, remedy: unknown.remedy ?? '' }]
  })

/** Variables of this program that are not settings of the daemon. The prefix `FOMULAR_` is omitted. */
const OTHERS = [
  'config',
  'claude_path',
  'enroll_token',
  'hub_port',
  'hub_url',
  'hub_key',
  'hub_key_file',
  'daemon_no_self_relaunch',
]

/** Finds misspelled variables of this program. Names that are not similar may belong to another program. */
function misspelled(env: NodeJS.ProcessEnv): Problem[] {
  const known = [...CONFIG_KEYS.map((key) => key.replace('.', '_')), ...OTHERS]
  return Object.keys(env).flatMap((name): Problem[] => {
    const [, word] = /^FOMULAR_(\w+)$/.exec(name) ?? []
    if (word === undefined || known.includes(word.toLowerCase())) return []
    const meant = suggest(word, known)
    if (meant === undefined) return []
    const remedy = `Did you mean FOMULAR_${meant.toUpperCase()}?`
    return [{ level: 'warning', message: `Unknown variable ${name}.`, remedy }]
  })
}

/** Adds the line number to a source in the file, as in `config.toml:3`. */
function placed(source: string, file: ConfigFile | undefined): string {
  const [, name] =
    file && source.startsWith(`${file.path}: `)
      ? (/ ([\w.]+)(?: \(|$)/.exec(source.slice(file.path.length + 1)) ?? [])
      : []
  if (!file || name === undefined) return source
  const line = tomlLines(file.text).get(name)
  return line === undefined ? file.path : `${file.path}:${line}`
}
