import { resolve } from 'node:path'
import { loadDaemonConfig } from '../../config/daemon-config.ts'
import { ON_TRIAL } from '../../config/environment.ts'
import { checkFolder } from '../../config/ownership-policy.ts'
import { stateDir } from '../../config/paths.ts'
import { foreignError } from '../../config/refuse-foreign.ts'
import { loadTrust } from '../../config/single-settings.ts'
import { type DaemonFlags, namedFile } from '../../config/sources.ts'
import type { Invocation } from '../../daemon/relaunch.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { faultsOf, type OwnershipFault } from '../../platform/ownership.ts'
import { environmentFile } from '../../service/environment-file.ts'
import { noteRefusal } from '../../update/switch/guard.ts'
import { handoverFaults } from '../../update/switch/handover.ts'
import { environmentFaults } from './environment-faults.ts'

/** Returns the state folder that a flag or the environment names. @throws UserError */
export const namedStateDir = ({ stateDir: named }: DaemonFlags) =>
  typeof named === 'string' ? named : stateDir(process.env)

/**
 * Refuses a state folder, a configuration, and a unit's environment file that other users can change.
 * @param faults faults of the configuration
 * @throws UserError
 */
export function checkStateDir(dir: string, faults: OwnershipFault[], strict: boolean) {
  try {
    const noted = () => handoverFaults(dir)
    const all = [...faults, ...ofVariables()]
    const ground = checkFolder(dir, { faults: all, noted, strict })
    const around = environmentFaults(process.env).map(({ message, remedy }) => `${message}. ${remedy}`)
    return {
      ...ground,
      warnings: [...ground.warnings, ...noted().map(updatedProgram), ...around],
    }
  } catch (error) {
    return whileOnTrial(() => dir)(error)
  }
}

const updatedProgram = (fault: OwnershipFault) => {
  const { message, remedy } = foreignError(fault)
  return `${message} ${remedy}`
}

function ofVariables(): OwnershipFault[] {
  const file = environmentFile(process.env)
  return file === undefined ? [] : faultsOf(file)
}

/**
 * Returns the faults that `checkStateDir` finds outside the state folder, for a daemon started
 * with this environment.
 */
export async function faultsBeside(env: NodeJS.ProcessEnv): Promise<OwnershipFault[]> {
  // The check is not strict, because the caller only reports faults.
  const flags = { strictModes: false }
  const found = await loadDaemonConfig({ flags, env })
    // The whole configuration does not load without a key, and the daemon may get its key from a flag. In
    // that case, load only the settings that matter here.
    .catch(() => loadTrust(flags, env))
    .catch(() => undefined)
  return [...(found?.faults ?? []), ...ofVariables()]
}

/**
 * Passes the configuration file and strict mode to the next version. The self-check of the next version runs
 * without this version's flags.
 */
export function passStateDirOn({ env }: Invocation, flags: DaemonFlags, strict: boolean) {
  const file = namedFile(flags, env)
  if (file) env.FOMULAR_CONFIG = resolve(file.path)
  if (!strict) env.FOMULAR_STRICT_MODES = 'false'
}

/**
 * Rethrows an error of a version on trial, with an exit code that makes the supervisor start the previous
 * version. With the original exit code, the supervisor would not restart the daemon.
 * @param dir returns the state folder
 */
export const whileOnTrial =
  (dir: () => string) =>
  (error: unknown): never => {
    if (!(error instanceof UserError) || process.env[ON_TRIAL] !== '1') throw error
    try {
      noteRefusal(dir(), error)
    } catch {
      // Standard error still shows the reason.
    }
    const { code, message, remedy, cause } = error
    throw new UserError(code, message, {
      ...(remedy !== undefined && { remedy }),
      exitCode: EXIT.restart,
      cause,
    })
  }
