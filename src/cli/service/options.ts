import { type Command, InvalidArgumentError } from 'commander'
import { homeOf } from '../../config/home.ts'
import type { At } from '../../service/manager.ts'
import { MANAGERS, type ManagerName, type Runs } from '../../service/plan.ts'

export interface ServiceOptions {
  manager?: ManagerName
  /** Where nobody says, the one that is installed. */
  name?: string
  json?: boolean
}

/**
 * Flags of every command about a service.
 * @param found the manager without the flag
 * @param named the name without the flag
 */
export const withService = (
  command: Command,
  found = 'the one it is installed with',
  named = 'fomular-daemon, else the only one that is installed',
): Command =>
  command
    .option('--manager <manager>', `${MANAGERS.join(', ')} (default: ${found})`, manager)
    .option('--name <name>', `name of the service (default: ${named})`, serviceName)

export const withPlan = (command: Command): Command =>
  withService(
    command.argument('[what]', 'daemon, hub, or up: both in one process', what, 'daemon' as const),
    "root's: systemd; a user's: systemd-user; on macOS launchd",
    'fomular-daemon; of a hub, fomular-hub',
  )
    .option('--user <name>', 'with systemd: the user it runs as (default: who called sudo, else root)')
    .option('--path <path>', 'where it and agents look for programs (default: PATH of the user)')

function manager(value: string): ManagerName {
  const found = MANAGERS.find((name) => name === value)
  if (found) return found
  throw new InvalidArgumentError(`It must be one of ${MANAGERS.join(', ')}.`)
}

function what(value: string): Runs {
  if (value === 'daemon' || value === 'hub' || value === 'up') return value
  throw new InvalidArgumentError('It must be daemon, hub or up.')
}

/** It becomes a file's name. */
function serviceName(value: string): string {
  if (/^[A-Za-z0-9][\w.-]{0,63}$/.test(value)) return value
  throw new InvalidArgumentError('It must be of letters, digits, ".", "_" and "-".')
}

/** The service that is meant, and what keeps it running. */
export async function installedService({ manager, name }: ServiceOptions) {
  const { installedManager, installedName, managerNamed } = await import('../../service/managers.ts')
  const home = homeOf(process.env)
  const at: At = { name: name ?? installedName(home), home }
  return { at, manager: managerNamed(manager ?? installedManager(at)) }
}
