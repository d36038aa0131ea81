import { Command } from 'commander'
import { sleep } from '../platform/clock.ts'
import { UserError } from '../platform/errors.ts'
import { EXIT } from './exit-codes.ts'
import { connectDaemon, type LocalOptions, withLocal } from './local.ts'
import { note, print, printJson } from './terminal.ts'

/** Every agent may need all of its graces, at the same time as the others. */
const STOPPED_MS = 120_000
const POLL_MS = 100

const HELP = `
Its agents are stopped gracefully, as by SIGTERM. One that runs as a service is stopped with fomular-daemon service stop. To start the daemon anew while they run on: fomular-daemon restart.

Example:
  $ fomular-daemon stop`

export function stopCommand(): Command {
  return withLocal(
    new Command('stop').description('stop the daemon and its agents').addHelpText('after', HELP).action(stop),
  )
}

async function stop(options: LocalOptions) {
  const { daemon, paths } = await connectDaemon(options)
  const { pid, agents } = await daemon.status()
  await refuseSupervised(pid)
  const { readJson } = await import('../platform/files.ts')
  const { isAlive, ProcessIdentity } = await import('../platform/process-identity.ts')
  const holder = readJson(paths.lock, ProcessIdentity)
  await daemon.stop()
  const running = agents.filter(({ state }) => state !== 'exited' && state !== 'failed').length
  if (running > 0 && !options.json) note(`Stopping ${running} agent${running === 1 ? '' : 's'}…`)
  const deadline = Date.now() + STOPPED_MS
  // With its hub in the same process, the process stays a little longer than the daemon's lock.
  while (holder.ok && isAlive(holder.value)) {
    if (Date.now() > deadline)
      throw new UserError('not_stopped', `Process ${pid} is still there after ${STOPPED_MS / 1000} s.`, {
        remedy: 'See `fomular-daemon logs`.',
      })
    await sleep(POLL_MS)
  }
  if (options.json) printJson({ pid, stopped: true })
  else print(`Process ${pid} has stopped.`)
}

/** A service would start it again at once. */
async function refuseSupervised(pid: number) {
  const { serviceOf } = await import('../service/inspect.ts')
  const service = await serviceOf(pid)
  if (!service) return
  const { manager, name } = service
  throw new UserError(
    'is_service',
    `The daemon is the service ${name} of ${manager}, which would start it again.`,
    {
      remedy: `Stop the service: fomular-daemon service stop --manager ${manager} --name ${name}`,
      exitCode: EXIT.refused,
    },
  )
}
