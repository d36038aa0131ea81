import { statSync } from 'node:fs'
import type { StatePaths } from '../../config/paths.ts'
import { DEFAULTS } from '../../config/settings.ts'
import { configuredPolicy, configuredServer } from '../../config/single-settings.ts'
import { defaultOf } from '../../daemon/open-policy.ts'
import { orUndefined } from '../../platform/or-undefined.ts'
import { policyPath } from '../../policy/read.ts'
import type { DaemonStatus } from '../client/control-client.ts'
import { connectDaemon, type LocalOptions } from '../local/index.ts'

/** The policy of the daemon on this machine. */
export interface InForce {
  /** Path of the policy file; undefined if there is no file. */
  file: string | undefined
  /** Policy that applies if there is no file. */
  otherwise: 'careful' | 'open'
  /** uid of the daemon's user, who may own the file; undefined for this process's user. */
  user: number | undefined
  /** The daemon, if one is running. An older daemon has no policy. */
  daemon: DaemonStatus | undefined
}

/**
 * Asks the running daemon which policy it obeys. If no daemon runs, finds the policy that a new daemon would
 * obey here.
 * @throws UserError
 */
export async function policyInForce(options: LocalOptions): Promise<InForce> {
  const { daemon, chosen, paths } = await connectDaemon(options)
  const status = chosen.running ? await daemon.status() : undefined
  if (status?.machine.policy) return inForceOf(status, paths)
  return inForceOf(status, paths, await startSettings(process.env))
}

/** Settings of a daemon that would start here. */
export interface StartSettings {
  policy?: string | undefined
  server_url: string
  env: NodeJS.ProcessEnv
}

/** Finds the settings of a daemon that would start here. These settings need no key. @throws UserError */
export const startSettings = async (env: NodeJS.ProcessEnv): Promise<StartSettings> => ({
  policy: await configuredPolicy(env),
  server_url: (await configuredServer(env)) ?? DEFAULTS.server_url,
  env,
})

/**
 * Returns the policy of the running daemon. If no daemon runs, returns the policy of a daemon that would
 * start here.
 */
export function inForceOf(
  status: DaemonStatus | undefined,
  paths: StatePaths,
  settings?: StartSettings,
): InForce {
  const user = orUndefined(() => statSync(paths.dir).uid)
  const { policy } = status?.machine ?? {}
  if (policy || !settings)
    return {
      file: status?.policy_file,
      otherwise: policy?.state === 'careful' ? 'careful' : 'open',
      user,
      daemon: status,
    }
  return {
    file: policyPath(settings.policy, settings.env),
    otherwise: defaultOf(settings.server_url, paths),
    user,
    daemon: status,
  }
}
