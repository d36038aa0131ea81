import { dirname } from 'node:path'
import { type ConfigFile, readConfigFile } from './file.ts'
import { stateDir } from './paths.ts'
import { expand } from './placeholder.ts'
import type { Source } from './readers.ts'
import { refuseForeign } from './refuse-foreign.ts'
import { CONFIG_KEYS, DEFAULTS, type Name, SETTINGS, type ValueOf } from './settings.ts'

/** Flags as commander parses them: `--max-agents 4` becomes `maxAgents: '4'`. */
export type DaemonFlags = Partial<Record<string, string | boolean>>

/** Sources of settings, in order of precedence. */
export interface Sources {
  flags: DaemonFlags
  env: NodeJS.ProcessEnv
  file: ConfigFile | undefined
}

/**
 * Reads the configuration file, and returns the sources.
 * @param user uid of the user that the daemon will run as; by default, this process's
 * @throws UserError also if another user could have written the file
 */
export async function readSources(
  flags: DaemonFlags,
  env: NodeJS.ProcessEnv,
  user?: number,
): Promise<Sources> {
  const file = await readConfigFile(namedFile(flags, env), env, CONFIG_KEYS, user)
  if (file) refuseForeign(file.faults, isStrict({ flags, env, file: undefined }))
  return { flags, env, file }
}

/** Returns the configuration file named by a flag or the environment, and which of the two names it. */
export function namedFile(flags: DaemonFlags, env: NodeJS.ProcessEnv) {
  const named = textFlag(flags.config) ?? (env.FOMULAR_CONFIG || undefined)
  const by = flags.config === undefined ? 'FOMULAR_CONFIG' : '--config'
  const path = named === undefined ? undefined : expand(named, by, env)
  return path === undefined ? undefined : { path, by }
}

/** Reports whether strict modes are on. A file that others can write to cannot turn them off. */
export function isStrict({ flags, env, file }: Sources): boolean {
  const trusted = file?.faults.length === 0 ? file : undefined
  return settingOf('strict_modes', { flags, env, file: trusted })
}

/** Returns a setting's value or else its default; undefined if there is neither. */
export const settingOf = <N extends Name>(name: N, sources: Sources) =>
  (findSetting(name, sources)?.value ?? (DEFAULTS as Partial<Record<Name, unknown>>)[name]) as
    | ValueOf<N>
    | (N extends keyof typeof DEFAULTS ? never : undefined)

/** Returns a setting's value with the name of its source; undefined if it is not set. */
export function findSetting<N extends Name>(
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
  return { value: SETTINGS[name](expandValue(given, source, env), source) as ValueOf<N>, source: source.name }
}

/** Replaces variables in a value. @throws UserError */
export const expandValue = (value: unknown, { name }: Source, env: NodeJS.ProcessEnv) =>
  typeof value === 'string' ? expand(value, name, env) : value

/** Returns the text given with a flag; undefined if the flag is absent or was given without a text. */
export const textFlag = (value: string | boolean | undefined) =>
  typeof value === 'string' ? value : undefined
