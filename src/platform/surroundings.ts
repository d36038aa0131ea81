import { userInfo } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

/** Where programs are on every system. */
const SYSTEM = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/**
 * Adds to an environment what a login has, and what cron, rc.local, an init or a container's runtime may leave out: HOME,
 * and folders of programs. A PATH that somebody has chosen, with a folder beyond those of the system itself, stays as it
 * is.
 * @param executable whether this program has Node inside, so that no Node is known for scripts
 */
export function completeEnvironment(env: NodeJS.ProcessEnv, { executable }: { executable: boolean }) {
  const home = env.HOME || ownHome()
  env.HOME = home
  const path = (env.PATH ?? '').split(delimiter).filter(Boolean)
  const minimal = path.every((dir) => SYSTEM.includes(dir)) && !path.includes('/usr/local/bin')
  if (!minimal) return
  // Where Claude Code's installer puts it, and where scripts such as npm find this Node.
  const further = [...SYSTEM, join(home, '.local/bin'), ...(executable ? [] : [dirname(process.execPath)])]
  env.PATH = [...new Set([...path, ...further])].join(delimiter)
}

/** Container runtimes give a user without an entry in passwd the root folder. */
export function ownHome(): string {
  try {
    return userInfo().homedir || '/'
  } catch {
    return '/'
  }
}
