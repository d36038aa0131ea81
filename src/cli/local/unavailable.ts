import { existsSync } from 'node:fs'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { Chosen } from './choose.ts'
import { capital, factsOf, lineOf, nameOf, serviceLine } from './describe.ts'

/** Matches the states of a service that is about to run, as systemd and pm2 name them. */
const ON_ITS_WAY = /^(activating|reloading|launching|waiting restart)/

/** Returns the error for a daemon that is not running. */
export function notRunningError(chosen: Chosen): UserError {
  const { state_dir, service, user, last_seen, others, named } = chosen
  const seen = last_seen === undefined ? '' : ` It was last seen at ${last_seen}.`
  const facts = { daemon: factsOf(chosen) }
  if (service && ON_ITS_WAY.test(service.state ?? ''))
    return new UserError(
      'daemon_not_running',
      `${capital(nameOf(chosen))}, is starting: ${service.state}.${seen}`,
      {
        remedy: `Try again in a few seconds. If the service does not start, read its log: ${serviceLine('logs', service, user)}`,
        exitCode: EXIT.refused,
        facts,
      },
    )
  if (service)
    return new UserError(
      'daemon_not_running',
      `${capital(nameOf(chosen))}, is not running: ${service.state ?? 'its daemon has ended'}.${seen}`,
      { remedy: `Start it: ${serviceLine('start', service, user)}`, exitCode: EXIT.refused, facts },
    )
  const elsewhere = others.length === 0 ? '' : ` Running here: ${others.map(nameOf).join('; ')}.`
  const where =
    named && !existsSync(state_dir)
      ? `There is no state folder ${state_dir}. A daemon ends within seconds after its folder is deleted or moved.`
      : `No daemon is running on ${state_dir}.`
  return new UserError('daemon_not_running', `${where}${seen}${elsewhere}`, {
    remedy:
      'Start a daemon with `fomular-daemon up`, or name its state folder with --state-dir or FOMULAR_STATE_DIR.',
    exitCode: EXIT.refused,
    facts,
  })
}

/** Returns the error for a daemon whose folder this user may not open. */
export function forbiddenError(chosen: Chosen): UserError {
  const state = chosen.running
    ? 'A daemon is running here, but this user may not use it'
    : 'This user may not use the daemon'
  return new UserError('daemon_forbidden', `${state}: ${nameOf(chosen)}.`, {
    remedy: `Run the command as root: ${lineOf({ ...chosen, usable: false })}`,
    exitCode: EXIT.refused,
    facts: { daemon: factsOf(chosen) },
  })
}
