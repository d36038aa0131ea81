import { existsSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { filesIn } from './handwritten-units.ts'
import { launchd } from './launchd.ts'
import type { At, Manager } from './manager.ts'
import { MANAGERS, type ManagerName, PACKAGED_UNITS, serviceFiles, serviceNameOf } from './plan.ts'
import { pm2 } from './pm2.ts'
import { packaged, systemd } from './systemd.ts'
import { readInstalled } from './unit-mark.ts'

export const managerNamed = (name: ManagerName): Manager =>
  ({
    systemd: () => systemd('system'),
    'systemd-user': () => systemd('user'),
    pm2: () => pm2,
    launchd: () => launchd,
  })[name]()

/** Returns the default manager for this platform and user. */
export const usualManager = (): ManagerName =>
  process.platform === 'darwin' ? 'launchd' : process.getuid?.() === 0 ? 'systemd' : 'systemd-user'

/** Returns the names of the services of this program that are installed for this user or for the machine. */
function installedNames(home: string): string[] {
  const files = [
    ...filesIn('/etc/systemd/system', '.service'),
    ...filesIn(PACKAGED_UNITS, '.service'),
    ...filesIn(join(home, '.config/systemd/user'), '.service'),
    ...filesIn(join(home, 'Library/LaunchAgents'), '.plist'),
  ].filter((path) => readInstalled(path)?.mark)
  const folders = filesIn(join(home, '.config'), '').filter((dir) =>
    existsSync(join(dir, 'ecosystem.config.js')),
  )
  const pm2Names = folders.filter((dir) => readInstalled(join(dir, 'ecosystem.config.js'))?.mark)
  return [
    ...new Set([
      ...files.map((path) => basename(path, extname(path))),
      ...pm2Names.map((dir) => basename(dir)),
    ]),
  ]
}

/**
 * Returns the name of the service to use by default. @throws UserError if there are several services, but
 * none has the default name
 */
export function installedName(home: string): string {
  const usual = serviceNameOf('daemon')
  const names = installedNames(home)
  const [only, ...more] = names
  if (only === undefined || names.includes(usual)) return usual
  if (more.length === 0) return only
  throw new UserError('service_ambiguous', `Several services are installed: ${names.join(', ')}.`, {
    remedy: 'Choose a service with --name.',
    exitCode: EXIT.usage,
  })
}

/**
 * Returns the manager of the installed service. @throws UserError if the service is not installed, or is
 * installed with several managers
 */
export function installedManager(at: At): ManagerName {
  const isInstalled = (name: ManagerName) =>
    existsSync(serviceFiles(name, at.name, at.home).unit) || (name === 'systemd' && packaged(at.name))
  const [found, ...more] = MANAGERS.filter(isInstalled)
  if (found && more.length === 0) return found
  throw found
    ? new UserError('service_ambiguous', `${at.name} is installed with ${[found, ...more].join(' and ')}.`, {
        remedy: 'Choose a service with --manager, and uninstall the other service: a daemon needs only one.',
        exitCode: EXIT.refused,
      })
    : new UserError('service_missing', `No service ${at.name} is installed.`, {
        remedy: 'Install it: fomular-daemon service install',
        exitCode: EXIT.refused,
      })
}
