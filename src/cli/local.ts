import type { Command } from 'commander'
import { JSON_OUTPUT } from './options.ts'

export interface LocalOptions {
  stateDir?: string
  json?: boolean
}

/** Flags of commands about the daemon on this machine. */
export const withLocal = (command: Command, json = JSON_OUTPUT.object): Command =>
  command
    .option('--state-dir <dir>', 'its state folder (default: FOMULAR_STATE_DIR, else ~/.fomular/state)')
    .option('--json', json)

/** The paths of the state folder that is meant, and a client for its daemon. */
export async function connectDaemon({ stateDir: given }: LocalOptions) {
  const [{ stateDir, statePaths }, { ControlClient }] = await Promise.all([
    import('../config/paths.ts'),
    import('./client/control-client.ts'),
  ])
  const paths = statePaths(given ?? stateDir(process.env))
  return { paths, daemon: new ControlClient(paths.socket) }
}
