import type { UpdateConfig } from '../config/update-config.ts'
import { ensurePrivateDir } from '../platform/files.ts'
import type { Stage } from './failure.ts'
import { prepare } from './fetch/prepare.ts'
import type { Started } from './options.ts'
import { readRecord, type UpdateResult, writeRecord } from './record.ts'
import { hasStandIn, keepNext, putBack } from './switch/place.ts'
import { type Target, targetAt } from './switch/target.ts'
import { tidy } from './switch/tidy.ts'

export interface OfflineOptions {
  stateDir: string
  /** Version of this program. */
  running: string
  policy: UpdateConfig
  started: Started
  requested: string
  allowDowngrade: boolean
  signal: AbortSignal
  progress(stage: Stage, message: string): void
  warn(message: string): void
}

/**
 * Updates this installation while no daemon is running. The version is tested, but not put on trial.
 * @throws UpdateFailure
 */
export async function updateOffline(options: OfflineOptions): Promise<UpdateResult> {
  const { stateDir, running, policy, started, requested, signal, progress, warn } = options
  const begun = Date.now()
  ensurePrivateDir(stateDir)
  const before = readRecord(stateDir)
  // The daemon of this trial no longer exists, so the version will never be confirmed.
  if (before?.trial && hasStandIn(before.trial)) putBack(before.trial)
  const { runner, argv, env } = started
  const [command] = argv
  const { program, target } = targetAt(command, env)
  const prepared = await prepare({
    target,
    running,
    requested,
    origin: 'local',
    allowDowngrade: options.allowDowngrade,
    policy,
    stateDir,
    runner,
    env,
    signal,
    progress,
    warn,
    onResolved: () => {},
  })
  try {
    if (prepared.change === 'switch') {
      progress('switch', prepared.resolved)
      const place = { ...target, next: prepared.nextDir }
      keepNext(place)
      try {
        tidy(place)
      } catch {
        // The update has succeeded anyway, and the next update cleans up.
      }
    }
    const result: UpdateResult = {
      mode: target.mode,
      restart_strategy: 'self',
      from_version: running,
      to_version: prepared.resolved,
      path: target.entry,
      duration_ms: Date.now() - begun,
    }
    if (prepared.change !== 'none') note(stateDir, { result, requested, begun, target, program })
    return result
  } finally {
    prepared.unlock()
  }
}

/**
 * Records the update for the next daemon, which reports it in the machine's status. If the update could not
 * replace the installed program, also records that this program must start the new program.
 */
function note(
  stateDir: string,
  {
    result,
    requested,
    begun,
    target,
    program,
  }: { result: UpdateResult; requested: string; begun: number; target: Target; program: string },
) {
  const { from_version: running, to_version: resolved, mode, path, restart_strategy } = result
  const moved = target.entry !== target.previous_entry
  writeRecord(stateDir, {
    version: 1,
    command_id: `offline-${begun}`,
    origin: 'local',
    requested,
    from: running,
    to: resolved,
    stage: 'switch',
    attempts: 1,
    started_at: new Date(begun).toISOString(),
    finished_at: new Date().toISOString(),
    outcome: 'succeeded',
    restart_strategy,
    mode,
    ...(path !== undefined && { path }),
    settled: true,
    ...(moved && { handover: { from: program, version: running, to: target.entry } }),
    bad_versions: readRecord(stateDir)?.bad_versions ?? [],
  })
}
