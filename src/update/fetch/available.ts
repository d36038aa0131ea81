import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import gt from 'semver/functions/gt.js'
import { VERSION } from '../../platform/version.ts'
import { asFailure } from '../failure.ts'
import { packageName, targetAt } from '../switch/target.ts'
import { ownAge } from './freshness.ts'
import { lookUp } from './look-up.ts'
import type { Policy } from './prepare-options.ts'
import { registryInUse } from './release.ts'
import { transportOf } from './transport.ts'

export interface Look {
  /** Path by which this program was started. */
  command: string
  requested: string
  policy: Policy
  stateDir: string
  env: NodeJS.ProcessEnv
  signal: AbortSignal
}

/**
 * Looks up a version in the registry, and compares it with the version of this program. @throws UpdateFailure
 */
export async function look({ command, requested, policy, stateDir, env, signal }: Look) {
  const cwd = mkdtempSync(join(tmpdir(), 'fomular-update-'))
  try {
    const { package: name, registry } = policy
    // A lookup is permitted without TLS. But a settings file of npm is refused if other users can change the
    // file, because they could make it send this user's environment variables to any host.
    const { checkFile } = transportOf({ allow_insecure: true }, stateDir, () => {})
    const source = await registryInUse({ package: packageName(name), registry, cwd, env, signal, checkFile })
    const { version: resolved, published } = await lookUp(requested, policy, source)
    const newer = gt(resolved, VERSION)
    const warning = newer || requested === resolved ? undefined : ownAge()
    return {
      installed: VERSION,
      available: resolved,
      newer,
      ...(warning !== undefined && { warning }),
      ...insteadOf(command, env),
      ...(published !== undefined && { published }),
    }
  } catch (error) {
    throw asFailure(error, 'resolve')
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

/** Returns the remedy for a program that cannot be updated in place: another way to update it. */
function insteadOf(command: string, env: NodeJS.ProcessEnv): { instead?: string } {
  try {
    targetAt(command, env)
    return {}
  } catch (error) {
    const { remedy } = asFailure(error, 'resolve').error
    return remedy === undefined ? {} : { instead: remedy }
  }
}
