import { type Command, InvalidArgumentError } from 'commander'
import { homeOf } from '../../config/home.ts'
import type { At } from '../../service/manager.ts'
import { MANAGERS, type ManagerName, type Runs } from '../../service/plan.ts'

export interface ServiceOptions {
  manager?: ManagerName
  /** Default: the installed service. */
  name?: string
  json?: boolean
}

/**
 * Adds the flags of every command about a service.
 * @param found help text for the default of --manager
 * @param named help text for the default of --name
 */
export const withService = (
  command: Command,
  found = 'the manager of the installed service',
  named = 'fomular-daemon, else the only installed service',
): Command =>
  command
    .option('--manager <manager>', `${MANAGERS.join(', ')} (default: ${found})`, manager)
    .option('--name <name>', `name of the service (default: ${named})`, serviceName)

export const withPlan = (command: Command): Command =>
  withService(
    command.argument('[what]', 'daemon, hub, or up (both in one process)', what, 'daemon' as const),
    'systemd for root, systemd-user for others, launchd on macOS',
    'fomular-daemon, or fomular-hub for a hub',
  )
    .option('--user <name>', 'user of a systemd service (default: the user who called sudo, or root)')
    .option('--path <path>', "PATH of the service and its agents (default: the user's PATH)")

function manager(value: string): ManagerName {
  const found = MANAGERS.find((name) => name === value)
  if (found) return found
  throw new InvalidArgumentError(`It must be one of ${MANAGERS.join(', ')}.`)
}

function what(value: string): Runs {
  if (value === 'daemon' || value === 'hub' || value === 'up') return value
  throw new InvalidArgumentError('It must be daemon, hub or up.')
}

/** Checks a service's name, which becomes the name of a file. */
function serviceName(value: string): string {
  if (/^[A-Za-z0-9][\w.-]{0,63}$/.test(value)) return value
  throw new InvalidArgumentError('Use only letters, digits, ".", "_" and "-".')
}

/** Returns the service to which a command applies, and its manager. */
export async function installedService({ manager, name }: ServiceOptions) {
  const { installedManager, installedName, managerNamed } = await import('../../service/managers.ts')
  const home = homeOf(process.env)
  const at: At = { name: name ?? installedName(home), home }
  return { at, manager: managerNamed(manager ?? installedManager(at)) }
}
