import { serversBeside } from './server-owner.ts'
import { serverUrl } from './server-url.ts'
import { type DaemonFlags, findSetting, isStrict, readSources, type Sources, settingOf } from './sources.ts'

/**
 * Returns the state folder in the configuration file; undefined if there is none or the file cannot be read.
 */
export async function configuredStateDir(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    return findSetting('state_dir', { ...(await readSources({}, env)), env: {} })?.value
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
    const found = findSetting('server_url', await readSources({}, env))
    return found && serverUrl(found.value, found.source, true)
  } catch {
    return undefined
  }
}

/** Returns the path of the policy that the environment or the configuration file names. @throws UserError */
export const configuredPolicy = async (env: NodeJS.ProcessEnv) =>
  settingOf('policy', await readSources({}, env))

/**
 * Returns the user who may run a server on this machine. This user comes from the environment, or from a file
 * that others cannot change.
 */
export async function configuredOwners(
  env: NodeJS.ProcessEnv,
): Promise<{ user: string | undefined; enrolled: string | undefined }> {
  const none: Sources = { flags: {}, env, file: undefined }
  const sources = env.FOMULAR_SERVER_USER ? none : await readSources({}, env).catch(() => none)
  const { file } = sources
  const isTrusted = !file?.faults.length || !isStrict(sources)
  return {
    user: settingOf('server_user', isTrusted ? sources : none),
    enrolled: file && serversBeside(file.path),
  }
}

/** Loads the level of the log, which begins before the other settings are known. @throws UserError */
export const loadLogLevel = async (flags: DaemonFlags, env: NodeJS.ProcessEnv) =>
  settingOf('log_level', await readSources(flags, env))

/** Loads the settings that decide whether to trust a state folder. @throws UserError */
export async function loadTrust(flags: DaemonFlags, env: NodeJS.ProcessEnv) {
  const sources = await readSources(flags, env)
  return { strict: isStrict(sources), faults: sources.file?.faults ?? [] }
}
