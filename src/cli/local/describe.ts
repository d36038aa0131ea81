import { shellWord } from '../../platform/shell-word.ts'
import type { LocalDaemon } from '../../service/find-daemons.ts'
import type { Supervisor } from '../../service/supervisor.ts'
import { commandLineFor, currentLineWith } from '../command-line.ts'

const isRoot = () => process.getuid?.() === 0

export const capital = (text: string) => text[0]!.toUpperCase() + text.slice(1)

/** Returns a noun phrase for a daemon. */
export function nameOf({ service, user, state_dir }: LocalDaemon): string {
  const as = user === undefined ? '' : `, user ${user}`
  return service
    ? `the service ${service.name} of ${service.manager}${as}, in ${state_dir}`
    : `the daemon in ${state_dir}${as}, started by hand`
}

/** Returns the facts about a daemon for JSON output. */
export const factsOf = ({ state_dir, user, service, pid, running, usable }: LocalDaemon) => ({
  state_dir,
  ...(user !== undefined && { user }),
  ...(pid !== undefined && { pid }),
  service: service ? { manager: service.manager, name: service.name } : null,
  running,
  usable,
})

/** Returns the typed command line, with the flags that select this daemon. */
export const lineOf = ({ state_dir, usable }: LocalDaemon) =>
  `${usable ? '' : 'sudo '}${currentLineWith(state_dir)}`

/** Returns the command line that runs a command on a daemon. */
export const commandFor = (command: string, { state_dir, usable }: LocalDaemon) =>
  `${usable ? '' : 'sudo '}${commandLineFor([command, '--state-dir', state_dir])}`

/**
 * Returns the command line for a service: to control it, or to show its log.
 * @param user owner of the service, unless it belongs to the whole machine
 */
export function serviceLine(
  verb: 'start' | 'stop' | 'restart' | 'logs' | 'uninstall',
  { manager, name }: Supervisor,
  user: string | undefined,
): string {
  // Only pm2 itself can start one of its entries.
  const command =
    manager === 'pm2' && verb !== 'restart' && verb !== 'uninstall'
      ? `pm2 ${verb} ${shellWord(name)}`
      : commandLineFor(['service', verb, '--manager', manager, '--name', name])
  if (manager === 'systemd') return isRoot() ? command : `sudo ${command}`
  return isRoot() && user !== undefined && user !== 'root' ? `as ${user}: ${command}` : command
}
