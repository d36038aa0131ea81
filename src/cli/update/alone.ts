import { constants } from 'node:os'
import { loadUpdateConfig } from '../../config/config.ts'
import { type StatePaths, stateDir } from '../../config/paths.ts'
import { captureInvocation } from '../../daemon/relaunch.ts'
import { UserError } from '../../platform/errors.ts'
import { isForeign } from '../../platform/sockets.ts'
import { VERSION } from '../../platform/version.ts'
import { type Stage, UpdateFailure } from '../../update/failure.ts'
import { updateOffline } from '../../update/offline.ts'
import { look as lookUp } from '../../update/prepare.ts'
import { peekRecord } from '../../update/record.ts'
import { EXIT } from '../exit-codes.ts'
import { failed } from './failed.ts'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** What the registry has, asked without a daemon. @throws UserError */
export async function look(paths: StatePaths, requested: string) {
  const policy = await loadUpdateConfig(process.env)
  const { signal } = new AbortController()
  const { argv, env } = captureInvocation()
  const found = await lookUp({ command: argv[0], requested, policy, env, signal }).catch(tell)
  const bad = peekRecord(paths.dir)?.bad_versions.some(({ version }) => version === found.available) ?? false
  return { ...found, bad }
}

/** Updates the installation that this program belongs to. @throws UserError */
export async function update(
  paths: StatePaths,
  { version, allow_downgrade }: { version: string; allow_downgrade: boolean },
  show: (stage: Stage, message: string) => void,
) {
  const stop = new AbortController()
  for (const signal of SIGNALS) process.once(signal, () => stop.abort(signal))
  return updateOffline({
    // Nothing is written into another user's folder.
    stateDir: isForeign(paths.dir) ? stateDir(process.env) : paths.dir,
    version: VERSION,
    policy: await loadUpdateConfig(process.env),
    started: captureInvocation(),
    requested: version,
    allowDowngrade: allow_downgrade,
    signal: stop.signal,
    progress: show,
  }).catch((error: unknown) => {
    if (error instanceof UpdateFailure && error.error.code === 'update_interrupted')
      throw interrupted(stop.signal)
    tell(error)
  })
}

/** As a shell reports the signal. */
const interrupted = ({ reason }: AbortSignal) =>
  new UserError('update_interrupted', `The update was interrupted. ${VERSION} stays installed.`, {
    remedy: 'Run it again: fomular-daemon update',
    exitCode: reason === 'SIGTERM' ? 128 + constants.signals.SIGTERM : EXIT.interrupted,
  })

function tell(error: unknown): never {
  if (error instanceof UpdateFailure) throw failed(error.error)
  throw error
}
