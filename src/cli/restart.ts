import { Command } from 'commander'
import { sleep } from '../platform/clock.ts'
import { UserError } from '../platform/errors.ts'
import type { ControlClient, DaemonStatus } from './client/control-client.ts'
import { connectDaemon, type LocalOptions, WHICH, withLocal } from './local.ts'
import { cleanLine } from './render/clean.ts'
import { print, printJson } from './terminal.ts'

/** For the new daemon to answer. A supervisor may wait some seconds before it starts it. */
const BACK_MS = 30_000
const POLL_MS = 100
/** Agents that are named one by one, at most. */
const NAMED = 20

const HELP = `
Agents run on: the new daemon takes them over. Where what runs the daemon would end them with it (\`status\` says so, and
how to change that), they are stopped, and resumed in their sessions.
${WHICH}

Example:
  $ fomular-daemon restart`

export function restartCommand(): Command {
  return withLocal(
    new Command('restart')
      .description('start the daemon anew, for its agents to go on with')
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

/** What a new start costs where agents do not live through it. */
export function endedText({ agents, message, remedy }: NonNullable<DaemonStatus['agents_end']>): string {
  const who = agents.length === 1 ? '1 agent was' : `${agents.length} agents were`
  const ids = agents.length > NAMED ? '' : `: ${agents.map((id) => cleanLine(id, 64)).join(', ')}`
  return `${who} stopped for that, to be resumed${ids}. ${cleanLine(message, 500)}\n  → ${cleanLine(remedy, 500)}`
}

/**
 * Has a daemon start anew. Resolves when the next one answers.
 * @param givenUp looks whether its supervisor has given up, and throws if so
 * @throws UserError when none does in time
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
    // It stops agents first, which takes as long as they need.
    else if (now.started_at === before.started_at) deadline = Date.now() + BACK_MS
    else return { restart_strategy, pid: now.pid, version: now.version, ended }
  }
  throw new UserError('not_back', `The daemon has not come back within ${BACK_MS / 1000} s.`, {
    remedy:
      restart_strategy === 'supervisor_required'
        ? 'Its supervisor is to start it: look there, or at `fomular-daemon logs`.'
        : 'See `fomular-daemon logs`.',
  })
}
