import { existsSync } from 'node:fs'
import { UserError } from '../platform/errors.ts'
import { launchd } from './launchd.ts'
import type { At, Manager } from './manager.ts'
import { MANAGERS, type ManagerName, serviceFiles } from './plan.ts'
import { pm2 } from './pm2.ts'
import { systemd } from './systemd.ts'

export const managerNamed = (name: ManagerName): Manager =>
  ({
    systemd: () => systemd('system'),
    'systemd-user': () => systemd('user'),
    pm2: () => pm2,
    launchd: () => launchd,
  })[name]()

/** What a service is installed with where nobody says. */
export const usualManager = (): ManagerName =>
  process.platform === 'darwin' ? 'launchd' : process.getuid?.() === 0 ? 'systemd' : 'systemd-user'

/** The manager of the service that is installed. @throws UserError where there is none, or more than one */
export function installedManager(at: At): ManagerName {
  const [found, ...more] = MANAGERS.filter((name) => existsSync(serviceFiles(name, at.name, at.home).unit))
  if (found && more.length === 0) return found
  throw found
    ? new UserError('service_ambiguous', `${at.name} is installed with ${[found, ...more].join(' and ')}.`, {
        remedy: 'Say which one is meant, with --manager; one daemon should have one service.',
        exitCode: 4,
      })
    : new UserError('service_missing', `No service ${at.name} is installed.`, {
        remedy: 'Install it: fomular-daemon service install',
        exitCode: 4,
      })
}
