import { Command } from 'commander'
import { sleep } from '../platform/clock.ts'
import { UserError } from '../platform/errors.ts'
import type { ControlClient, DaemonStatus } from './client/control-client.ts'
import { connectDaemon, type LocalOptions, WHICH, withLocal } from './local/index.ts'
import { cleanLine } from './render/clean.ts'
import { print, printJson } from './terminal.ts'

/**
 * Maximum time for the new daemon to answer, in ms. A supervisor may wait some seconds before the restart.
 */
const BACK_MS = 30_000
const POLL_MS = 100
/** Maximum number of agents to list by id. */
const NAMED = 20

const HELP = `
Agents keep running, and the new daemon takes them over. If the daemon's supervisor would end the agents
together with the daemon, the old daemon stops the agents, and the new daemon resumes them in their sessions. \`status\` reports
whether this is the case, and how to change it.
${WHICH}

Example:
  $ fomular-daemon restart`

export function restartCommand(): Command {
  return withLocal(
    new Command('restart')
      .description('restart the daemon while its agents keep running')
      .addHelpText('after', HELP)
      .action(restart),
  )
}

async function restart(options: LocalOptions) {
  const { daemon, facts } = await connectDaemon(options)
  const { ended, ...back } = await restartDaemon(daemon)
  if (options.json) return printJson({ ...back, ...(ended && { agents_ended: ended.agents }), ...facts })
  print(`The daemon is back: process ${back.pid}, version ${back.version}.`)
  if (ended) print(endedText(ended))
}

/** Describes which agents a restart stopped, and why. */
export function endedText({ agents, message, remedy }: NonNullable<DaemonStatus['agents_end']>): string {
  const who = agents.length === 1 ? '1 agent was' : `${agents.length} agents were`
  const ids = agents.length > NAMED ? '' : `: ${agents.map((id) => cleanLine(id, 64)).join(', ')}`
  return `${who} stopped for the restart and will be resumed${ids}. ${cleanLine(message, 500)}\n  → ${cleanLine(remedy, 500)}`
}

/**
 * Restarts a daemon. Resolves when the new daemon answers.
 * @param givenUp throws if the supervisor has given up
 * @throws UserError if no new daemon answers in time
 */
export async function restartDaemon(daemon: ControlClient, givenUp?: () => Promise<void>) {
  const before = await daemon.status()
  const restart_strategy = await daemon.restart()
  const { agents_end: end } = before
  const ended = end && end.agents.length > 0 ? end : undefined
  let deadline = Date.now() + BACK_MS
  while (Date.now() < deadline) {
    await sleep(POLL_MS)
    const now = await daemon.status().catch(() => undefined)
    if (!now) await givenUp?.()
    // The daemon may stop agents first, and gives them as much time as they need.
    else if (now.started_at === before.started_at) deadline = Date.now() + BACK_MS
    else return { restart_strategy, pid: now.pid, version: now.version, ended }
  }
  throw new UserError('not_back', `The daemon did not come back within ${BACK_MS / 1000} s.`, {
    remedy:
      restart_strategy === 'supervisor_required'
        ? 'The supervisor should have restarted the daemon. Check the supervisor, or run `fomular-daemon logs`.'
        : 'Run `fomular-daemon logs` to find out why.',
  })
}
