import type { Command } from 'commander'
import { JSON_OUTPUT, withVerbose } from '../options.ts'

export interface LocalOptions {
  stateDir?: string
  json?: boolean
}

/** Help text of commands that act on the daemon on this machine. */
export const WHICH = `
Without --state-dir, the command acts on the daemon that runs on this machine: a service, or a daemon that you
started. If several daemons are running, the command asks which daemon to use. Without a terminal, it lists
the daemons and exits with code 2.`

/** Adds the flags of commands that act on the daemon on this machine. */
export const withLocal = (command: Command, json = JSON_OUTPUT.object): Command =>
  withVerbose(command)
    .option(
      '--state-dir <dir>',
      'state folder of the daemon (default: FOMULAR_STATE_DIR, else the folder of the daemon that runs here)',
    )
    .option('--json', json)

/** Returns the daemon to act on, the paths of its state folder, and a client for it. @throws UserError */
export async function connectDaemon(options: LocalOptions & { env?: NodeJS.ProcessEnv }) {
  const [
    { statePaths },
    { ControlClient },
    { announce, chooseDaemon },
    { forbiddenError, notRunningError },
    { factsOf },
  ] = await Promise.all([
    import('../../config/paths.ts'),
    import('../client/control-client.ts'),
    import('./choose.ts'),
    import('./unavailable.ts'),
    import('./describe.ts'),
  ])
  const chosen = await chooseDaemon(options)
  if (chosen.running && chosen.usable && !options.json) announce(chosen)
  const paths = statePaths(chosen.state_dir)
  const daemon = new ControlClient(paths.socket, {
    missing: () => notRunningError(chosen),
    // Every user may learn whether a service is running.
    forbidden: () => (chosen.service && !chosen.running ? notRunningError(chosen) : forbiddenError(chosen)),
  })
  return { paths, daemon, chosen, facts: { daemon: factsOf(chosen) } }
}

export type Connected = Awaited<ReturnType<typeof connectDaemon>>
