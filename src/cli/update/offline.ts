import { type StatePaths, stateDir } from '../../config/paths.ts'
import { refuseForeign } from '../../config/refuse-foreign.ts'
import { loadTrust } from '../../config/single-settings.ts'
import { loadUpdateConfig } from '../../config/update-config.ts'
import { captureInvocation } from '../../daemon/relaunch.ts'
import { UserError } from '../../platform/errors.ts'
import { faultsOf } from '../../platform/ownership.ts'
import { isForeign } from '../../platform/sockets.ts'
import { VERSION } from '../../platform/version.ts'
import { type Stage, UpdateFailure } from '../../update/failure.ts'
import { look as lookUp } from '../../update/fetch/available.ts'
import { updateOffline } from '../../update/offline.ts'
import { peekRecord } from '../../update/record.ts'
import { passStateDirOn } from '../start/state-dir.ts'
import { stopCode, stopSignal } from '../start/stop-signal.ts'
import { updateFailed } from './update-failed.ts'

/** Looks up the available version without a daemon. @throws UserError */
export async function findVersion(paths: StatePaths, requested: string) {
  const policy = await loadUpdateConfig(process.env)
  const signal = stopSignal()
  const { argv, env } = captureInvocation()
  const asked = { command: argv[0], requested, policy, stateDir: paths.dir, env, signal }
  const found = await lookUp(asked).catch((error: unknown) => {
    throw signal.aborted ? interrupted(signal, 'fomular-daemon update --check') : asTold(error)
  })
  const bad = peekRecord(paths.dir)?.bad_versions.some(({ version }) => version === found.available) ?? false
  return { ...found, bad }
}

/** Updates the installation that this program belongs to. @throws UserError */
export async function update(
  paths: StatePaths,
  { version, allow_downgrade }: { version: string; allow_downgrade: boolean },
  show: (stage: Stage, message: string) => void,
  warn: (message: string) => void,
) {
  const signal = stopSignal()
  // Do not write into another user's folder.
  const dir = isForeign(paths.dir) ? stateDir(process.env) : paths.dir
  const { strict } = await loadTrust({}, process.env)
  refuseForeign(faultsOf(dir), strict)
  const started = captureInvocation()
  passStateDirOn(started, {}, strict)
  return updateOffline({
    stateDir: dir,
    running: VERSION,
    policy: await loadUpdateConfig(process.env),
    started,
    requested: version,
    allowDowngrade: allow_downgrade,
    signal,
    progress: show,
    warn,
  }).catch((error: unknown) => {
    const stopped = error instanceof UpdateFailure && error.code === 'update_interrupted'
    throw stopped ? interrupted(signal, 'fomular-daemon update') : asTold(error)
  })
}

const interrupted = (signal: AbortSignal, command: string) =>
  new UserError('update_interrupted', `The update was interrupted. ${VERSION} stays installed.`, {
    remedy: `Run the update again: ${command}`,
    exitCode: stopCode(signal),
  })

const asTold = (error: unknown) => (error instanceof UpdateFailure ? updateFailed(error.error) : error)
