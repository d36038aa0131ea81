import { existsSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { readOwned } from '../platform/open-owned.ts'
import { filesIn } from './handwritten-units.ts'
import { MANAGERS, type ManagerName, serviceFiles } from './plan.ts'
import { parseMark } from './unit-mark.ts'

/** Files and folders that remain after a service is uninstalled without `--purge`. */
export interface Leftovers {
  /** Files that this program wrote next to the unit, or that it recommended to users. */
  files: string[]
  /**
   * State folders: the current folder of the service, and the folders that the service used when it ran as
   * other users.
   */
  states: string[]
}

export function leftoversOf(
  manager: ManagerName,
  { name, home }: { name: string; home: string },
  stateDir: string | undefined,
): Leftovers {
  const { environment, unit } = serviceFiles(manager, name, home)
  const dropIns = `${unit}.d`
  const files = [
    environment,
    `${unit}.before-take-over`,
    ...filesIn(dropIns, '.conf'),
    ...filesIn(dropIns, '.before-take-over'),
  ].filter((path) => existsSync(path))
  const before =
    stateDir === join('/var/lib', name)
      ? filesIn('/var/lib', '').filter((path) => path.startsWith(`${stateDir}.of-`))
      : []
  return { files, states: [...(stateDir === undefined ? [] : [stateDir]), ...before] }
}

export interface InstalledService {
  manager: ManagerName
  name: string
  file: string
}

/** Returns the services that this program installed and that run the installation in `root`. */
export function servicesOf(root: string, home: string): InstalledService[] {
  const folders: Record<ManagerName, [folder: string, ending: string]> = {
    systemd: ['/etc/systemd/system', '.service'],
    'systemd-user': [join(home, '.config/systemd/user'), '.service'],
    pm2: [join(home, '.config'), ''],
    launchd: [join(home, 'Library/LaunchAgents'), '.plist'],
  }
  return MANAGERS.flatMap((manager) => {
    const [folder, ending] = folders[manager]
    return filesIn(folder, ending).flatMap((path) => {
      const name = path.slice(folder.length + 1, path.length - ending.length)
      const file = serviceFiles(manager, name, home).unit
      return runsFrom(root, file) ? [{ manager, name, file }] : []
    })
  })
}

/**
 * Returns the files of services in other users' homes that run the installation in `root`. Only those users
 * can remove them.
 */
export function servicesOfOthers(root: string, home: string): string[] {
  if (process.getuid?.() !== 0) return []
  return filesIn('/home', '')
    .filter((other) => other !== home)
    .flatMap((other) => [
      ...filesIn(join(other, '.config/systemd/user'), '.service'),
      ...filesIn(join(other, '.config'), '').map((dir) => join(dir, 'ecosystem.config.js')),
    ])
    .filter((file) => runsFrom(root, file))
}

const MOST_BYTES = 256 * 1024

/** Reports whether a service file has this program's mark and runs the installation in `root`. */
function runsFrom(root: string, file: string): boolean {
  try {
    const text = readOwned(file, MOST_BYTES) ?? ''
    const mark = parseMark(text)
    if (mark === undefined) return false
    // Older versions did not record the program's path in the mark.
    if (mark.program === undefined) return text.includes(`${root}/`)
    if (mark.program.startsWith(`${root}/`)) return true
    return `${realpathSync(mark.program)}/`.startsWith(`${realpathSync(root)}/`)
  } catch {
    return false
  }
}
