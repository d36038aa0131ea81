/** PATH with the folders of the system's own programs. */
export const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin'

/**
 * Returns the environment for a program of the system. For root, PATH has only the system's folders, because
 * another user may be able to change other folders.
 */
export const systemEnvironment = (env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv =>
  process.geteuid?.() === 0 ? { ...env, PATH: SYSTEM_PATH } : env
