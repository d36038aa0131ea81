import { type Command, InvalidArgumentError } from 'commander'
import { homeOf } from '../../config/home.ts'
import type { At } from '../../service/manager.ts'
import { MANAGERS, type ManagerName } from '../../service/plan.ts'

export interface ServiceOptions {
  manager?: ManagerName
  name: string
  json?: boolean
}

/** Flags of every command about a service. @param found what it is without the flag */
export const withService = (command: Command, found = 'the one it is installed with'): Command =>
  command
    .option('--manager <manager>', `${MANAGERS.join(', ')} (default: ${found})`, manager)
    .option('--name <name>', 'name of the service', serviceName, 'fomular-daemon')

export const withPlan = (command: Command): Command =>
  withService(command, "root's: systemd; a user's: systemd-user; on macOS launchd")
    .option('--user <name>', 'with systemd: the user it runs as (default: who called sudo, else root)')
    .option('--path <path>', 'where it and agents look for programs (default: PATH of the user)')

function manager(value: string): ManagerName {
  const found = MANAGERS.find((name) => name === value)
  if (found) return found
  throw new InvalidArgumentError(`It must be one of ${MANAGERS.join(', ')}.`)
}

/** It becomes a file's name. */
function serviceName(value: string): string {
  if (/^[A-Za-z0-9][\w.-]{0,63}$/.test(value)) return value
  throw new InvalidArgumentError('It must be of letters, digits, ".", "_" and "-".')
}

/** The service that is meant, and what keeps it running. */
export async function installedService({ manager, name }: ServiceOptions) {
  const { installedManager, managerNamed } = await import('../../service/managers.ts')
  const at: At = { name, home: homeOf(process.env) }
  return { at, manager: managerNamed(manager ?? installedManager(at)) }
}
