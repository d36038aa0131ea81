import type { StatePaths } from '../../config/paths.ts'
import { sleep } from '../../platform/clock.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { holderOf } from '../../service/find-daemons.ts'
import { peekRecord, resultOf, type UpdateRecord, type UpdateResult } from '../../update/record.ts'
import { ControlClient, type UpdateCheck } from '../client/control-client.ts'
import { checkSource } from './check-source.ts'
import { updateFailed } from './update-failed.ts'

const POLL_MS = 100
/** Maximum absence of the daemon, in ms. A supervisor may wait some seconds before it restarts the daemon. */
const AWAY_MS = 60_000

type Order = { version: string; allow_downgrade: boolean }
type Show = (stage: string, message?: string) => void

/** Asks the daemon for the available version. @throws UserError */
export async function findVersion(paths: StatePaths, version: string): Promise<UpdateCheck> {
  const daemon = new ControlClient(paths.socket)
  await checkSource(daemon, process.env)
  return daemon.checkUpdate(version)
}

/**
 * Makes the running daemon update itself, and follows the update across the daemon's restart. @throws
 * UserError
 */
export async function update(
  paths: StatePaths,
  order: Order,
  show: Show,
  warn: (message: string) => void,
): Promise<UpdateResult> {
  const daemon = new ControlClient(paths.socket)
  await checkSource(daemon, process.env)
  const id = await daemon.update(order)
  for (let seen = performance.now(); ; await sleep(POLL_MS)) {
    const record = peekRecord(paths.dir)
    if (record && record.command_id !== id)
      throw new UserError('update_superseded', 'Another update has replaced this one.')
    if (record?.settled) for (const warning of record.warnings ?? []) warn(warning)
    if (record?.error && record.settled) throw updateFailed(record.error)
    if (record?.outcome === 'succeeded' && record.settled) return resultOf(record)
    if (record) show(record.stage, record.message)
    if (holderOf(paths)) seen = performance.now()
    else if (performance.now() - seen > AWAY_MS) throw notBack(record)
  }
}

const notBack = (record: UpdateRecord | undefined) =>
  new UserError('not_back', `The daemon has not come back within ${AWAY_MS / 1000} s.`, {
    remedy:
      record?.restart_strategy === 'supervisor_required'
        ? 'The supervisor should have restarted the daemon. Check the supervisor, or run `fomular-daemon logs`.'
        : 'Check `fomular-daemon logs`, then start the daemon.',
    exitCode: EXIT.failure,
  })
