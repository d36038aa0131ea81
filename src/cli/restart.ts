import { Command } from 'commander'
import { sleep } from '../platform/clock.ts'
import { UserError } from '../platform/errors.ts'
import { connectDaemon, type LocalOptions, withLocal } from './local.ts'
import { print, printJson } from './terminal.ts'

/** For the new daemon to answer. A supervisor may wait some seconds before it starts it. */
const BACK_MS = 30_000
const POLL_MS = 100

const HELP = `
Agents run on: the new daemon takes them over.

Example:
  $ fomular-daemon restart`

export function restartCommand(): Command {
  return withLocal(
    new Command('restart')
      .description('start the daemon anew, while its agents run on')
      .addHelpText('after', HELP)
      .action(restart),
  )
}

async function restart(options: LocalOptions) {
  const { daemon } = await connectDaemon(options)
  const before = await daemon.status()
  const restart_strategy = await daemon.restart()
  const deadline = Date.now() + BACK_MS
  while (Date.now() < deadline) {
    await sleep(POLL_MS)
    const now = await daemon.status().catch(() => undefined)
    if (!now || now.started_at === before.started_at) continue
    if (options.json) printJson({ restart_strategy, pid: now.pid, version: now.version })
    else print(`The daemon is back: process ${now.pid}, version ${now.version}.`)
    return
  }
  throw new UserError('not_back', `The daemon has not come back within ${BACK_MS / 1000} s.`, {
    remedy:
      restart_strategy === 'supervisor_required'
        ? 'Its supervisor is to start it: look there, or at `fomular-daemon logs`.'
        : 'See `fomular-daemon logs`.',
  })
}
