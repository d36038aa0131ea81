import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { childEnvironment } from '../../config/environment.ts'
import { asFailure, type Stage } from '../failure.ts'
import { copyPackage } from '../switch/copy-package.ts'
import { checkPlace } from '../switch/handover.ts'
import { installedProgram } from '../switch/paths.ts'
import { checkKeys } from './authentic.ts'
import { claim, openStaging } from './claim.ts'
import { isNamed, ownAge } from './freshness.ts'
import type { PrepareOptions } from './prepare-options.ts'
import { isProven, type Runner } from './prove.ts'
import { resolve, sourceOf } from './resolve.ts'
import { stageVersion } from './stage-version.ts'
import { transportOf } from './transport.ts'

export type Prepared = { resolved: string; unlock(): void } & (
  | {
      /** `none` if the resolved version is running, `restart` if it is already installed. */
      change: 'none' | 'restart'
    }
  | {
      change: 'switch'
      /** Folder of the staged version. */
      nextDir: string
      /** Path of the previous version's program. */
      previous: string
    }
)

/**
 * Downloads a version, and proves that it runs here. The preparation may be interrupted and repeated at any
 * time, because the installed program stays unchanged.
 * @returns the prepared version, with a function `unlock` that lets other processes update this installation
 * @throws UpdateFailure
 */
export async function prepare(options: PrepareOptions): Promise<Prepared> {
  const { target, running, requested, policy, stateDir, env, signal, warn } = options
  let stage: Stage = 'resolve'
  const progress = (reached: Stage, message: string) => {
    stage = reached
    options.progress(reached, message)
  }
  const unlock = await claim(target, warn)
  let staging: string | undefined
  try {
    staging = openStaging(target)
    const runner: Runner = { runner: options.runner, env: childEnvironment(env), signal }
    if (target.entry !== target.previous_entry) checkPlace(target.root, stateDir, env)
    checkKeys(policy)
    progress('resolve', `${policy.package}@${requested}`)
    const transport = transportOf(policy, stateDir, warn)
    const source = await sourceOf(options, staging, transport)
    const release = await resolve(options, source, runner)
    const resolved = release.version
    if (resolved === running) {
      const warning = isNamed(options, resolved) ? undefined : ownAge()
      if (warning !== undefined) warn(warning)
      return { resolved, unlock, change: 'none' }
    }
    const program = installedProgram(target)
    if (await isProven({ ...runner, program, version: resolved, stateDir }))
      return { resolved, unlock, change: 'restart' }
    const nextDir = await stageVersion({ ...options, progress }, release, source, runner)
    transport.made()
    // Copy the previous version before the switch, so that a full disk causes an error before anything has
    // changed.
    const previous = target.previous ?? join(copyPackage(target.root, running), target.program)
    return { resolved, unlock, change: 'switch', nextDir, previous }
  } catch (error) {
    unlock()
    throw asFailure(error, stage)
  } finally {
    if (staging !== undefined) rmSync(staging, { recursive: true, force: true })
  }
}
