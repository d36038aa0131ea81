import { dirname } from 'node:path'
import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from '../platform/log.ts'
import { faultsOf, type OwnershipFault } from '../platform/ownership.ts'
import { type ConfigFile, readConfigFile } from './file.ts'
import { isContainerSecret, keySources, missingKey, readKey } from './key.ts'
import { refuseForeign } from './ownership-policy.ts'
import { stateDir } from './paths.ts'
import { expanded } from './placeholder.ts'
import {
  flag,
  integer,
  number,
  oneOf,
  path,
  type Reader,
  type Source,
  secret,
  text,
  versionOrTag,
  window,
} from './readers.ts'
import { serversBeside } from './server-owner.ts'
import { isLoopback, serverUrl } from './server-url.ts'

export interface DaemonConfig {
  server_url: string
  /** The machine's key. Secret. */
  key: string
  /** File with the key, unless systemd or a container provides it. */
  key_file?: string
  ca_file?: string
  allow_insecure: boolean
  /**
   * Name or uid of the only user, besides root and the daemon's own, who may run a server on this machine.
   */
  server_user?: string
  /**
   * File next to the configuration file with the users that ran this machine's
   * servers when it enrolled there.
   */
  enrolled_servers?: string
  /** Unix socket of a hub on this machine, used instead of `server_url`. */
  server_socket?: string
  /** Refuse files and folders that others can change. */
  strict_modes: boolean
  state_dir: string
  log_level: LogLevel
  /** Format of the log on standard error. The log in the state folder always has JSON lines. */
  log_format: LogFormat
  max_agents: number
  /** Time limit for each step of a graceful stop, in seconds. */
  stop_grace_s: number
  /** Time limit for an entire stop, in seconds. Close to it, the remaining steps are shortened. */
  stop_within_s?: number
  /** True if agents that the daemon ended for its own restart continue the turns they were in. */
  resume_turns: boolean
  /** Maximum size of an agent's acknowledged activity on this machine's disk, in MiB. */
  journal_cap_mb: number
  /** Days after which an ended agent's folder is removed. */
  retain_ended_days: number
  update: UpdateConfig
  /** Warnings for the user, shown once when the program starts. */
  warnings: string[]
  /** Faults of the configuration, key and authority files, and of the folders above them. */
  faults: OwnershipFault[]
}

/** This machine's own policy for new versions: a server chooses a version and nothing else. */
export interface UpdateConfig {
  /** Allow updates by a server's order and by schedule. A user of this machine may always update it. */
  enabled: boolean
  /** Allow a server to order an older version, even if it was never confirmed on this machine. */
  allow_downgrade: boolean
  package: string
  /** Registry of the package; by default, npm's own. */
  registry?: string
  /** Accept only releases signed with a release key. By default, builds with such a key do. */
  signatures?: boolean
  /** Allow a registry on another machine without TLS. */
  allow_insecure: boolean
  /** Maximum age of a release, in days. */
  max_age_days?: number
  /** Time limit from a new version's start to the server's welcome, in seconds. */
  confirm_s: number
  /** Update when the server refuses this version's protocol and names another version. */
  when_refused: boolean
  /**
   * Update without an order, in the `window`, to the version behind the dist-tag `channel`, once it
   * is `min_age_h` hours old.
   */
  automatic: boolean
  channel: string
  /** Such as `02:00-05:00`, in local time. */
  window: string
  min_age_h: number
}

/** Flags as commander parses them: `--max-agents` is `maxAgents`, with text as its value. */
export type DaemonFlags = Partial<Record<string, string | boolean>>

/** Name of this program in registries. */
export const PACKAGE = '@fomular-os/daemon'

/**
 * All settings by their names in the file. `max_agents` is `--max-agents` as a flag and `FOMULAR_MAX_AGENTS`
 * in the environment; `update.package` is `--update-package` and `FOMULAR_UPDATE_PACKAGE`.
 */
const SETTINGS = {
  server_url: text,
  ca_file: path,
  allow_insecure: flag,
  server_user: text,
  strict_modes: flag,
  state_dir: path,
  log_level: oneOf(LOG_LEVELS),
  log_format: oneOf(LOG_FORMATS),
  max_agents: integer(1, 10_000),
  stop_grace_s: number(0, 600),
  stop_within_s: number(0, 3600),
  resume_turns: flag,
  journal_cap_mb: integer(1, 1024 * 1024),
  retain_ended_days: number(0, 3650),
  'update.package': text,
  'update.registry': text,
  'update.enabled': flag,
  'update.allow_downgrade': flag,
  'update.signatures': flag,
  'update.allow_insecure': flag,
  'update.max_age_days': integer(1, 36_500),
  'update.confirm_s': number(1, 3600),
  'update.when_refused': flag,
  'update.automatic': flag,
  'update.channel': versionOrTag,
  'update.window': window,
  'update.min_age_h': number(0, 8760),
} as const satisfies Record<string, Reader<unknown>>

/** Defaults of settings, unless they depend on the machine. */
export const DEFAULTS = {
  server_url: 'ws://localhost:3001',
  allow_insecure: false,
  strict_modes: true,
  log_level: 'info',
  log_format: 'text',
  max_agents: 200,
  stop_grace_s: 5,
  resume_turns: false,
  journal_cap_mb: 256,
  retain_ended_days: 7,
  'update.package': PACKAGE,
  'update.enabled': true,
  'update.allow_downgrade': false,
  'update.allow_insecure': false,
  'update.confirm_s': 120,
  'update.when_refused': true,
  'update.automatic': false,
  'update.channel': 'latest',
  'update.window': '00:00-24:00',
  'update.min_age_h': 24,
} as const satisfies Partial<Record<keyof typeof SETTINGS, string | number | boolean>>

export type Name = keyof typeof SETTINGS
/** All settings but the key, in display order. */
export const NAMES = Object.keys(SETTINGS) as Name[]
type ValueOf<N extends Name> = ReturnType<(typeof SETTINGS)[N]>

/** All keys that the configuration file may have. */
export const CONFIG_KEYS: readonly string[] = [...Object.keys(SETTINGS), 'key', 'key_file']

/** Sources of settings, in order of precedence. */
export interface Sources {
  flags: DaemonFlags
  env: NodeJS.ProcessEnv
  file: ConfigFile | undefined
}

/**
 * Loads the daemon's configuration from flags, or else the environment, the file, or defaults, in this order.
 * @param user uid of the user that the daemon will run as; by default, this process's
 * @throws UserError that names the source at fault
 */
export async function loadDaemonConfig({
  flags,
  env,
  user,
}: {
  flags: DaemonFlags
  env: NodeJS.ProcessEnv
  user?: number
}): Promise<DaemonConfig> {
  const sources = { flags, env, file: await fileOf(flags, env, user) }

  const allow_insecure = find('allow_insecure', sources)?.value ?? DEFAULTS.allow_insecure
  const address = find('server_url', sources) ?? { value: DEFAULTS.server_url, source: 'the default' }
  const server_url = serverUrl(address.value, address.source, allow_insecure)
  const ca_file = find('ca_file', sources)?.value
  const stop_within_s = find('stop_within_s', sources)?.value
  const { key, file: key_file, warnings } = machineKey(sources)
  const strict_modes = isStrict(sources)
  const server_user = find('server_user', sources)?.value
  const ofFiles = [key_file, ca_file].flatMap((file) => faultsOfFile(file, user))
  refuseForeign(ofFiles, strict_modes)
  return {
    server_url,
    key,
    ...(key_file !== undefined && { key_file }),
    ...(ca_file !== undefined && { ca_file }),
    allow_insecure,
    ...(server_user !== undefined && { server_user }),
    ...(sources.file && { enrolled_servers: serversBeside(sources.file.path) }),
    strict_modes,
    state_dir: find('state_dir', sources)?.value ?? stateDir(env),
    log_level: find('log_level', sources)?.value ?? DEFAULTS.log_level,
    log_format: find('log_format', sources)?.value ?? DEFAULTS.log_format,
    max_agents: find('max_agents', sources)?.value ?? DEFAULTS.max_agents,
    stop_grace_s: find('stop_grace_s', sources)?.value ?? DEFAULTS.stop_grace_s,
    ...(stop_within_s !== undefined && { stop_within_s }),
    resume_turns: find('resume_turns', sources)?.value ?? DEFAULTS.resume_turns,
    journal_cap_mb: find('journal_cap_mb', sources)?.value ?? DEFAULTS.journal_cap_mb,
    retain_ended_days: find('retain_ended_days', sources)?.value ?? DEFAULTS.retain_ended_days,
    update: updateConfig(sources),
    warnings:
      allow_insecure && server_url.startsWith('ws:') && !isLoopback(new URL(server_url).hostname)
        ? [...warnings, `the connection to ${server_url} is not encrypted`]
        : warnings,
    faults: [...(sources.file?.faults ?? []), ...ofFiles],
  }
}

/** Returns the faults of a file that a setting names. Those of a container's secret do not count. */
export const faultsOfFile = (file: string | undefined, user?: number) =>
  file === undefined || isContainerSecret(file) ? [] : faultsOf(file, user)

/**
 * Returns the state folder in the configuration file; undefined if there is none or the file cannot be read.
 */
export async function configuredStateDir(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    return find('state_dir', { flags: {}, env: {}, file: await fileOf({}, env) })?.value
  } catch {
    return undefined
  }
}

/**
 * Returns the server in the environment or the configuration file; undefined if there
 * is none or it is invalid.
 */
export async function configuredServer(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    const found = find('server_url', { flags: {}, env, file: await fileOf({}, env) })
    return found && serverUrl(found.value, found.source, true)
  } catch {
    return undefined
  }
}

/** Returns who may run a server on this machine, from the environment or a file that others cannot change. */
export async function configuredOwners(
  env: NodeJS.ProcessEnv,
): Promise<{ user: string | undefined; enrolled: string | undefined }> {
  const file = env.FOMULAR_SERVER_USER ? undefined : await fileOf({}, env).catch(() => undefined)
  const believed =
    file && (file.faults.length === 0 || !isStrict({ flags: {}, env, file })) ? file : undefined
  return {
    user: find('server_user', { flags: {}, env, file: believed })?.value,
    enrolled: file && serversBeside(file.path),
  }
}

/** Loads only the policy for new versions, which needs no server and no key. @throws UserError */
export async function loadUpdateConfig(env: NodeJS.ProcessEnv): Promise<UpdateConfig> {
  return updateConfig({ flags: {}, env, file: await fileOf({}, env) })
}

/** Loads the settings that decide whether to trust a state folder. @throws UserError */
export async function loadTrust(flags: DaemonFlags, env: NodeJS.ProcessEnv) {
  const file = await fileOf(flags, env)
  return { strict: isStrict({ flags, env, file }), faults: file?.faults ?? [] }
}

/** Reads the configuration file. @throws UserError also if another user could have written it */
export async function fileOf(
  flags: DaemonFlags,
  env: NodeJS.ProcessEnv,
  user?: number,
): Promise<ConfigFile | undefined> {
  const file = await readConfigFile(namedFile(flags, env), env, CONFIG_KEYS, user)
  if (file) refuseForeign(file.faults, isStrict({ flags, env, file: undefined }))
  return file
}

/** Reports whether strict modes are on. A file that others can write to cannot turn them off. */
function isStrict({ flags, env, file }: Sources): boolean {
  const believed = file?.faults.length === 0 ? file : undefined
  return find('strict_modes', { flags, env, file: believed })?.value ?? DEFAULTS.strict_modes
}

/** Returns the configuration file named by a flag or the environment, and which of the two names it. */
export function namedFile(flags: DaemonFlags, env: NodeJS.ProcessEnv) {
  const named = textFlag(flags.config) ?? (env.FOMULAR_CONFIG || undefined)
  const by = flags.config === undefined ? 'FOMULAR_CONFIG' : '--config'
  const path = named === undefined ? undefined : expanded(named, by, env)
  return path === undefined ? undefined : { path, by }
}

/** Returns the settings for the source of updates in the environment or the file. @throws UserError */
export async function chosenUpdateSource(env: NodeJS.ProcessEnv): Promise<Chosen[]> {
  const sources: Sources = { flags: {}, env, file: await fileOf({}, env) }
  return (['package', 'registry', 'signatures'] as const).flatMap((name) => {
    const found = find(`update.${name}`, sources)
    return found ? [{ name, ...found }] : []
  })
}

/** A setting with the name of its source. */
export interface Chosen {
  name: 'package' | 'registry' | 'signatures'
  value: string | boolean
  source: string
}

function updateConfig(sources: Sources): UpdateConfig {
  const registry = find('update.registry', sources)?.value
  const signatures = find('update.signatures', sources)?.value
  const max_age_days = find('update.max_age_days', sources)?.value
  return {
    enabled: find('update.enabled', sources)?.value ?? DEFAULTS['update.enabled'],
    allow_downgrade: find('update.allow_downgrade', sources)?.value ?? DEFAULTS['update.allow_downgrade'],
    package: find('update.package', sources)?.value ?? DEFAULTS['update.package'],
    ...(registry !== undefined && { registry }),
    ...(signatures !== undefined && { signatures }),
    allow_insecure: find('update.allow_insecure', sources)?.value ?? DEFAULTS['update.allow_insecure'],
    ...(max_age_days !== undefined && { max_age_days }),
    confirm_s: find('update.confirm_s', sources)?.value ?? DEFAULTS['update.confirm_s'],
    when_refused: find('update.when_refused', sources)?.value ?? DEFAULTS['update.when_refused'],
    automatic: find('update.automatic', sources)?.value ?? DEFAULTS['update.automatic'],
    channel: find('update.channel', sources)?.value ?? DEFAULTS['update.channel'],
    window: find('update.window', sources)?.value ?? DEFAULTS['update.window'],
    min_age_h: find('update.min_age_h', sources)?.value ?? DEFAULTS['update.min_age_h'],
  }
}

export function machineKey({ flags, env, file }: Sources) {
  const sources = keySources({ key: textFlag(flags.key), keyFile: textFlag(flags.keyFile) }, env)
  if (file) {
    const at = (name: string): Source => ({ name: `${file.path}: ${name}`, base: dirname(file.path) })
    const { key, key_file } = file.values
    if (key_file !== undefined)
      sources.push({
        name: at('key_file').name,
        file: path(filled(key_file, at('key_file'), env), at('key_file')),
      })
    if (key !== undefined) {
      if (!file.private)
        throw new UserError('config_invalid', `${file.path} contains the key, and other users can read it.`, {
          remedy: `Run chmod 600 ${file.path}, or move the key into a separate file and set key_file to it.`,
          exitCode: EXIT.usage,
        })
      sources.push({ name: at('key').name, key: secret(key, at('key')) })
    }
  }
  return readKey(sources, missingKey(), env)
}

/** Returns a setting's value with the name of its source; undefined if it is not set. */
export function find<N extends Name>(
  name: N,
  { flags, env, file }: Sources,
): { value: ValueOf<N>; source: string } | undefined {
  const dashed = name.replace(/[._]/g, '-')
  const inFlags = flags[dashed.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())]
  const variable = `FOMULAR_${name.replace('.', '_').toUpperCase()}`
  // FOMULAR_STATE_DIR and systemd's variable are one source, after flags and before the file.
  const inEnv =
    name === 'state_dir' && (env.FOMULAR_STATE_DIR || env.STATE_DIRECTORY) ? stateDir(env) : env[variable]
  const candidates: [unknown, Source][] = [
    [inFlags, { name: `--${dashed}`, base: process.cwd() }],
    [inEnv || undefined, { name: variable, base: process.cwd() }],
  ]
  if (file) candidates.push([file.values[name], { name: `${file.path}: ${name}`, base: dirname(file.path) }])
  const found = candidates.find(([value]) => value !== undefined)
  if (!found) return undefined
  const [given, source] = found
  return { value: SETTINGS[name](filled(given, source, env), source) as ValueOf<N>, source: source.name }
}

const filled = (value: unknown, { name }: Source, env: NodeJS.ProcessEnv) =>
  typeof value === 'string' ? expanded(value, name, env) : value

const textFlag = (value: string | boolean | undefined) => (typeof value === 'string' ? value : undefined)
