import { userInfo } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

/** Folders in which systems install programs. */
const SYSTEM = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/**
 * Adds HOME and the usual program folders to an environment, as a login would. cron, rc.local, an init, or a
 * container runtime may omit them. Does not change a PATH that contains a folder other than the usual ones:
 * such a PATH is custom.
 * @param executable true if this program is a single executable that includes Node: scripts cannot use this
 * Node
 */
export function completeEnvironment(env: NodeJS.ProcessEnv, { executable }: { executable: boolean }) {
  const home = env.HOME || ownHome()
  env.HOME = home
  const path = (env.PATH ?? '').split(delimiter).filter(Boolean)
  const minimal = path.every((dir) => SYSTEM.includes(dir)) && !path.includes('/usr/local/bin')
  if (!minimal) return
  // Installers of agent programs may use ~/.local/bin. Scripts such as npm find this Node in the folder of
  // process.execPath.
  const further = [...SYSTEM, join(home, '.local/bin'), ...(executable ? [] : [dirname(process.execPath)])]
  env.PATH = [...new Set([...path, ...further])].join(delimiter)
}

/** Returns this user's home. Container runtimes use the root folder for users without a passwd entry. */
export function ownHome(): string {
  try {
    return userInfo().homedir || '/'
  } catch {
    return '/'
  }
}
