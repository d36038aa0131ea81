import { Command } from 'commander'
import { sleep } from '../platform/clock.ts'
import { UserError } from '../platform/errors.ts'
import type { ControlClient } from './client/control-client.ts'
import { connectDaemon, type LocalOptions, WHICH, withLocal } from './local.ts'
import { print, printJson } from './terminal.ts'

/** For the new daemon to answer. A supervisor may wait some seconds before it starts it. */
const BACK_MS = 30_000
const POLL_MS = 100

const HELP = `
Agents run on: the new daemon takes them over.
${WHICH}

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
  const { daemon, facts } = await connectDaemon(options)
  const { restart_strategy, pid, version } = await restartDaemon(daemon)
  if (options.json) printJson({ restart_strategy, pid, version, ...facts })
  else print(`The daemon is back: process ${pid}, version ${version}.`)
}

/**
 * Has a daemon start anew. Resolves when the next one answers.
 * @param givenUp looks whether its supervisor has given up, and throws if so
 * @throws UserError when none does in time
 */
export async function restartDaemon(daemon: ControlClient, givenUp?: () => Promise<void>) {
  const before = await daemon.status()
  const restart_strategy = await daemon.restart()
  const deadline = Date.now() + BACK_MS
  while (Date.now() < deadline) {
    await sleep(POLL_MS)
    const now = await daemon.status().catch(() => undefined)
    if (!now) await givenUp?.()
    if (!now || now.started_at === before.started_at) continue
    return { restart_strategy, pid: now.pid, version: now.version }
  }
  throw new UserError('not_back', `The daemon has not come back within ${BACK_MS / 1000} s.`, {
    remedy:
      restart_strategy === 'supervisor_required'
        ? 'Its supervisor is to start it: look there, or at `fomular-daemon logs`.'
        : 'See `fomular-daemon logs`.',
  })
}
