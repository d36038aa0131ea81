import { Command } from 'commander'
import { sleep } from '../platform/clock.ts'
import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import type { Chosen } from './local/choose.ts'
import { connectDaemon, type LocalOptions, WHICH, withLocal } from './local/index.ts'
import { isInteractive, note, print, printJson } from './terminal.ts'

/** Maximum time for a stop, in ms. Agents stop in parallel, but each may use every grace period. */
const STOPPED_MS = 120_000
const POLL_MS = 100

const HELP = `
The daemon stops its agents gracefully, as after SIGTERM. To stop a service, use fomular-daemon service stop.
To restart the daemon while agents keep running, use fomular-daemon restart. ${WHICH}

Example:
  $ fomular-daemon stop`

export function stopCommand(): Command {
  return withLocal(
    new Command('stop').description('stop the daemon and its agents').addHelpText('after', HELP).action(stop),
  )
}

async function stop(options: LocalOptions) {
  const { daemon, paths, chosen, facts } = await connectDaemon(options)
  const { pid, agents } = await daemon.status()
  await refuseService(chosen, facts)
  await refuseForeign(chosen, facts, options)
  const [{ isAlive }, { holderOf }] = await Promise.all([
    import('../platform/process-identity.ts'),
    import('../service/find-daemons.ts'),
  ])
  const holder = holderOf(paths)
  await daemon.stop()
  const running = agents.filter(({ state }) => state !== 'exited' && state !== 'failed').length
  if (running > 0 && !options.json) note(`Stopping ${running} agent${running === 1 ? '' : 's'}…`)
  const deadline = Date.now() + STOPPED_MS
  // If a hub runs in the same process, the process ends slightly after the daemon has released its lock.
  while (holder && isAlive(holder)) {
    if (Date.now() > deadline)
      throw new UserError('not_stopped', `Process ${pid} is still running after ${STOPPED_MS / 1000} s.`, {
        remedy: 'Run `fomular-daemon logs` to find out why.',
      })
    await sleep(POLL_MS)
  }
  if (options.json) printJson({ pid, stopped: true, ...facts })
  else print(`Process ${pid} has stopped.`)
}

/** Refuses to stop a service: its manager would start it again at once. */
async function refuseService({ service, user }: Chosen, facts: object) {
  if (!service) return
  const { serviceLine } = await import('./local/describe.ts')
  throw new UserError(
    'is_service',
    `The daemon is the service ${service.name} of ${service.manager}, which would start it again.`,
    {
      remedy: `Stop the service: ${serviceLine('stop', service, user)}`,
      exitCode: EXIT.refused,
      facts: { ...facts },
    },
  )
}

/** Refuses to stop another user's daemon unless root names that daemon or confirms the stop. */
async function refuseForeign(chosen: Chosen, facts: object, { json }: LocalOptions) {
  if (chosen.near || chosen.named) return
  const [{ lineOf, nameOf }, { askYes }] = await Promise.all([
    import('./local/describe.ts'),
    import('./confirm-yes.ts'),
  ])
  if (!json && isInteractive() && (await askYes('Stop it, with its agents?'))) return
  throw new UserError(
    'not_named',
    `Only another user's daemon runs here: ${nameOf(chosen)}. It was not stopped.`,
    {
      remedy: `To stop that daemon, name it: ${lineOf(chosen)}`,
      exitCode: EXIT.usage,
      facts: { ...facts },
    },
  )
}
