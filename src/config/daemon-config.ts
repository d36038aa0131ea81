import type { LogFormat, LogLevel } from '../platform/log-options.ts'
import type { OwnershipFault } from '../platform/ownership.ts'
import { labelsIn } from './labels.ts'
import { machineKey } from './machine-key.ts'
import { stateDir } from './paths.ts'
import { faultsOfFile, refuseForeign } from './refuse-foreign.ts'
import { serversBeside } from './server-owner.ts'
import { isLoopback, serverUrl } from './server-url.ts'
import { DEFAULTS } from './settings.ts'
import { type DaemonFlags, findSetting, isStrict, readSources, settingOf } from './sources.ts'
import { type TracesConfig, tracesConfig } from './traces-config.ts'
import { type UpdateConfig, updateConfig } from './update-config.ts'

/** All settings of a daemon, with their defaults. */
export interface DaemonConfig {
  server_url: string
  /** The machine's key. Secret. */
  key: string
  /** File with the key, unless systemd or a container provides it. */
  key_file?: string
  ca_file?: string
  allow_insecure: boolean
  /** Name or uid of a user. Only this user, root, and the daemon's user may run a server on this machine. */
  server_user?: string
  /**
   * File next to the configuration file. It records, for each server on this machine, which user ran the
   * server when the machine enrolled there.
   */
  enrolled_servers?: string
  /** The configuration file, which may contain the key. */
  config_file?: string
  /** Unix socket of a hub on this machine, used instead of `server_url`. */
  server_socket?: string
  /** Refuse files and folders that others can change. */
  strict_modes: boolean
  /** Path of the policy. If undefined, the policy is the first of the usual files that exists. */
  policy?: string
  /** Labels that the machine reports about itself. */
  labels?: Record<string, string>
  state_dir: string
  log_level: LogLevel
  /** Format of the log on standard error. The log in the state folder always has JSON lines. */
  log_format: LogFormat
  /** Port on loopback at which programs of this machine read the metrics. */
  metrics_port?: number
  max_agents: number
  /** Time limit for each step of a graceful stop, in seconds. */
  stop_grace_s: number
  /** Time limit for an entire stop, in seconds. Close to this limit, the remaining steps are shortened. */
  stop_within_s?: number
  /** True if agents continue their interrupted turns after the daemon ended the agents to restart itself. */
  resume_turns: boolean
  /** Maximum size of an agent's acknowledged activity on this machine's disk, in MiB. */
  journal_cap_mb: number
  /** Days after which an ended agent's folder is removed. */
  retain_ended_days: number
  update: UpdateConfig
  /** Absent if the daemon sends no traces. */
  traces?: TracesConfig
  /** Warnings for the user, shown once when the program starts. */
  warnings: string[]
  /** Faults of the configuration, key and authority files, and of the folders above them. */
  faults: OwnershipFault[]
}

/**
 * Loads the daemon's configuration from flags, the environment, the file, or defaults. An earlier source in
 * this list overrides later sources.
 * @param user uid of the user that the daemon will run as; by default, the user of this process
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
  const sources = await readSources(flags, env, user)

  const allow_insecure = settingOf('allow_insecure', sources)
  const address = findSetting('server_url', sources) ?? { value: DEFAULTS.server_url, source: 'the default' }
  const server_url = serverUrl(address.value, address.source, allow_insecure)
  const ca_file = settingOf('ca_file', sources)
  const metrics_port = settingOf('metrics_port', sources)
  const stop_within_s = settingOf('stop_within_s', sources)
  const { key, file: key_file, warnings } = machineKey(sources)
  const strict_modes = isStrict(sources)
  const server_user = settingOf('server_user', sources)
  const policy = settingOf('policy', sources)
  const label = settingOf('label', sources)
  const traces = tracesConfig(sources)
  const ofFiles = [key_file, ca_file, traces?.headers_file].flatMap((file) => faultsOfFile(file, user))
  refuseForeign(ofFiles, strict_modes)
  return {
    server_url,
    key,
    ...(key_file !== undefined && { key_file }),
    ...(ca_file !== undefined && { ca_file }),
    allow_insecure,
    ...(server_user !== undefined && { server_user }),
    ...(sources.file && {
      enrolled_servers: serversBeside(sources.file.path),
      config_file: sources.file.path,
    }),
    strict_modes,
    ...(policy !== undefined && { policy }),
    ...(label !== undefined && { labels: labelsIn(label)! }),
    state_dir: settingOf('state_dir', sources) ?? stateDir(env),
    log_level: settingOf('log_level', sources),
    log_format: settingOf('log_format', sources),
    ...(metrics_port !== undefined && { metrics_port }),
    max_agents: settingOf('max_agents', sources),
    stop_grace_s: settingOf('stop_grace_s', sources),
    ...(stop_within_s !== undefined && { stop_within_s }),
    resume_turns: settingOf('resume_turns', sources),
    journal_cap_mb: settingOf('journal_cap_mb', sources),
    retain_ended_days: settingOf('retain_ended_days', sources),
    update: updateConfig(sources),
    ...(traces && { traces }),
    warnings:
      allow_insecure && server_url.startsWith('ws:') && !isLoopback(new URL(server_url).hostname)
        ? [...warnings, `the connection to ${server_url} is not encrypted`]
        : warnings,
    faults: [...(sources.file?.faults ?? []), ...ofFiles],
  }
}
