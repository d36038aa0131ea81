import type { Command } from 'commander'
import { JSON_OUTPUT } from './options.ts'

export interface LocalOptions {
  stateDir?: string
  json?: boolean
}

/** For the help of commands about the daemon on this machine. */
export const WHICH = `
Without --state-dir it is the daemon that runs here: a service, or one of your own. Where several run, you are asked which one is meant; without a terminal that is an error with the list, and code 2.`

/** Flags of commands about the daemon on this machine. */
export const withLocal = (command: Command, json = JSON_OUTPUT.object): Command =>
  command
    .option(
      '--state-dir <dir>',
      'its state folder (default: FOMULAR_STATE_DIR, else that of the daemon that runs here)',
    )
    .option('--json', json)

/** The daemon of this machine that is meant, the paths of its state folder, and a client for it. @throws UserError */
export async function connectDaemon(options: LocalOptions & { env?: NodeJS.ProcessEnv }) {
  const [
    { statePaths },
    { ControlClient },
    { announce, chooseDaemon },
    { forbidden, notRunning },
    { factsOf },
  ] = await Promise.all([
    import('../config/paths.ts'),
    import('./client/control-client.ts'),
    import('./local/choose.ts'),
    import('./local/absent.ts'),
    import('./local/describe.ts'),
  ])
  const chosen = await chooseDaemon(options)
  if (chosen.running && chosen.usable && !options.json) announce(chosen)
  const paths = statePaths(chosen.state_dir)
  const daemon = new ControlClient(paths.socket, {
    missing: () => notRunning(chosen),
    // Whether a service runs, anybody may know.
    forbidden: () => (chosen.service && !chosen.running ? notRunning(chosen) : forbidden(chosen)),
  })
  return { paths, daemon, chosen, facts: { daemon: factsOf(chosen) } }
}

export type Connected = Awaited<ReturnType<typeof connectDaemon>>
