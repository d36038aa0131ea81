import { LOG_FORMATS, LOG_LEVELS } from '../platform/log-options.ts'
import { labelText } from './labels.ts'
import { flag, integer, number, oneOf, path, type Reader, text, window } from './readers.ts'
import { versionOrTag } from './version-reader.ts'

/** Name of this program in registries. */
export const PACKAGE = '@fomular-os/daemon'

/**
 * All settings by their names in the file. `max_agents` is `--max-agents` as a flag and `FOMULAR_MAX_AGENTS`
 * in the environment; `update.package` is `--update-package` and `FOMULAR_UPDATE_PACKAGE`.
 */
export const SETTINGS = {
  server_url: text,
  ca_file: path,
  allow_insecure: flag,
  server_user: text,
  strict_modes: flag,
  policy: path,
  label: labelText,
  state_dir: path,
  log_level: oneOf(LOG_LEVELS),
  log_format: oneOf(LOG_FORMATS),
  metrics_port: integer(1, 65_535),
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
  'traces.url': text,
  'traces.headers_file': path,
  'traces.content': flag,
  'traces.allow_insecure': flag,
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
  'traces.content': false,
  'traces.allow_insecure': false,
} as const satisfies Partial<Record<keyof typeof SETTINGS, string | number | boolean>>

/** Name of a setting in the file, such as `update.package`. */
export type Name = keyof typeof SETTINGS
/** All settings but the key, in display order. */
export const NAMES = Object.keys(SETTINGS) as Name[]
/** Type of a setting's value. */
export type ValueOf<N extends Name> = ReturnType<(typeof SETTINGS)[N]>

/** All keys that the configuration file may have. */
export const CONFIG_KEYS: readonly string[] = [...Object.keys(SETTINGS), 'key', 'key_file']
