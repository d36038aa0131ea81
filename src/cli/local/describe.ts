import { shellWord } from '../../platform/shell-word.ts'
import type { LocalDaemon } from '../../service/running.ts'
import type { Supervisor } from '../../service/supervisor.ts'
import { lineFor, typedFor } from '../typed.ts'

const isRoot = () => process.getuid?.() === 0

export const capital = (text: string) => text[0]!.toUpperCase() + text.slice(1)

/** Which daemon it is, as the subject of a sentence. */
export function nameOf({ service, user, state_dir }: LocalDaemon): string {
  const as = user === undefined ? '' : `, user ${user}`
  return service
    ? `the service ${service.name} of ${service.manager}${as}, in ${state_dir}`
    : `the daemon in ${state_dir}${as}, started by hand`
}

/** The same for programs. */
export const factsOf = ({ state_dir, user, service, pid, running, usable }: LocalDaemon) => ({
  state_dir,
  ...(user !== undefined && { user }),
  ...(pid !== undefined && { pid }),
  service: service ? { manager: service.manager, name: service.name } : null,
  running,
  usable,
})

/** What to type to give the command that was typed to this daemon. */
export const lineOf = ({ state_dir, usable }: LocalDaemon) => `${usable ? '' : 'sudo '}${typedFor(state_dir)}`

/** What to type to have another daemon do something. */
export const commandFor = (command: string, { state_dir, usable }: LocalDaemon) =>
  `${usable ? '' : 'sudo '}${lineFor([command, '--state-dir', state_dir])}`

/** What to type to start, stop, restart or uninstall a service, or to see its log. @param user whose it is, where it is not the machine's */
export function serviceLine(
  verb: 'start' | 'stop' | 'restart' | 'logs' | 'uninstall',
  { manager, name }: Supervisor,
  user: string | undefined,
): string {
  // Whoever wrote the entry: only pm2 itself can start it.
  const command =
    manager === 'pm2' && verb !== 'restart' && verb !== 'uninstall'
      ? `pm2 ${verb} ${shellWord(name)}`
      : lineFor(['service', verb, '--manager', manager, '--name', name])
  if (manager === 'systemd') return isRoot() ? command : `sudo ${command}`
  return isRoot() && user !== undefined && user !== 'root' ? `as ${user}: ${command}` : command
}
