import { isoTime } from '../platform/clock.ts'
import { checkGood } from './fetch/direction.ts'
import { prepare } from './fetch/prepare.ts'
import { isOrdered, type UpdateRequest, type UpdatesOptions } from './options.ts'
import type { RecordKeeper } from './record-keeper.ts'
import { changeOver, trialOf } from './switch/change-over.ts'
import { hasStandIn, putBack } from './switch/place.ts'
import { targetAt } from './switch/target.ts'

interface Change {
  keeper: RecordKeeper
  options: UpdatesOptions
  signal: AbortSignal
  /** Called as soon as the next start of the daemon would run the resolved version. */
  onSwitched(): void
}

/**
 * Carries out a request up to the restart: prepares the version, and makes the next start of the daemon run
 * it.
 * @returns the command for that start; undefined if the version is already running. In that case, the update
 * is recorded as successful
 * @throws UpdateFailure, or the system's error, after putting the previous version back in its place
 */
export async function changeVersion(
  request: UpdateRequest,
  { keeper, options, signal, onSwitched }: Change,
): Promise<string | undefined> {
  const { stateDir, running, policy: own, orders, started, supervised, clock, logger } = options
  const { requested, origin, allow_downgrade: allowDowngrade } = request
  const isByServer = isOrdered(request)
  const policy = isByServer && orders.isSignatureRequired() ? { ...own, signatures: true } : own
  const { runner, argv, env } = started
  const [command, ...args] = argv
  const { program, target } = targetAt(command, env)
  keeper.write({ mode: target.mode, path: target.entry })
  const prepared = await prepare({
    target,
    running,
    requested,
    origin,
    allowDowngrade,
    policy,
    stateDir,
    runner,
    env,
    signal,
    progress: (stage, message) => keeper.reach(stage, message),
    warn: (message) => keeper.warn(message),
    onResolved: (resolved) => {
      keeper.write({ to: resolved })
      if (isByServer) orders.check(resolved, origin)
      checkGood(request, resolved, keeper.record.bad_versions)
    },
  })
  const { resolved, unlock } = prepared
  try {
    if (prepared.change === 'none') {
      const finished_at = isoTime(clock.now())
      keeper.write({ outcome: 'succeeded', finished_at, settled: true, message: 'already running' })
      return undefined
    }
    // A supervisor keeps starting the old program. For that reason, record that the old program must start
    // the new one.
    if (target.entry !== target.previous_entry)
      keeper.write({ handover: { from: program, version: running, to: target.entry } })
    if (prepared.change === 'switch') {
      const trial = trialOf(target, prepared, { args, confirmMs: policy.confirm_s * 1000 })
      keeper.write({ trial })
      keeper.reach('switch', resolved)
      changeOver(trial, { stateDir, args, env })
    }
    onSwitched()
    keeper.reach('relaunch', supervised ? 'by the supervisor' : 'by itself')
    logger.info({ from: running, to: resolved, entry: target.entry }, 'switching to another version')
    return target.entry
  } catch (error) {
    const { trial } = keeper.record
    if (trial && hasStandIn(trial)) putBack(trial)
    throw error
  } finally {
    unlock()
  }
}
