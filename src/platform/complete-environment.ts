import { userInfo } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

/** Standard folders of programs. */
const SYSTEM = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/**
 * Adds HOME and the usual program folders to an environment, as a login would; cron, rc.local, an init or a
 * container runtime may omit them. A PATH that contains any other folder is custom, and is not changed.
 * @param executable true if this program is a single executable with Node inside, which scripts cannot use
 */
export function completeEnvironment(env: NodeJS.ProcessEnv, { executable }: { executable: boolean }) {
  const home = env.HOME || ownHome()
  env.HOME = home
  const path = (env.PATH ?? '').split(delimiter).filter(Boolean)
  const minimal = path.every((dir) => SYSTEM.includes(dir)) && !path.includes('/usr/local/bin')
  if (!minimal) return
  // An installer of agent programs may use the first; scripts such as npm find this Node in the second.
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
