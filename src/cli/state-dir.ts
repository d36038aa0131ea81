import { resolve } from 'node:path'
import { type DaemonFlags, loadDaemonConfig, loadTrust, namedFile } from '../config/config.ts'
import { ON_TRIAL } from '../config/environment.ts'
import { stateDir } from '../config/paths.ts'
import { checkGround, notOurs } from '../config/strict.ts'
import type { Invocation } from '../daemon/relaunch.ts'
import { UserError } from '../platform/errors.ts'
import { type Fault, faultsOf } from '../platform/ours.ts'
import { environmentFile } from '../service/environment-file.ts'
import { noteRefusal } from '../update/guard.ts'
import { handoverFaults } from '../update/handover.ts'
import { EXIT } from './exit-codes.ts'
import { faultsAround } from './surroundings.ts'

/** The state folder that a flag or the environment names. @throws UserError */
export const namedStateDir = ({ stateDir: named }: DaemonFlags) =>
  typeof named === 'string' ? named : stateDir(process.env)

/**
 * Refuses a daemon's state folder, its configuration and its unit's variables where others can change them.
 * @param faults of the configuration
 * @throws UserError
 */
export function checkStateDir(dir: string, faults: Fault[], strict: boolean) {
  try {
    const noted = () => handoverFaults(dir)
    const all = [...faults, ...ofVariables()]
    const ground = checkGround(dir, { faults: all, noted, strict })
    const around = faultsAround(process.env).map(({ message, remedy }) => `${message}. ${remedy}`)
    return {
      ...ground,
      warnings: [...ground.warnings, ...noted().map(updatedProgram), ...around],
    }
  } catch (error) {
    return whileOnTrial(() => dir)(error)
  }
}

const updatedProgram = (fault: Fault) => {
  const { message, remedy } = notOurs(fault)
  return `${message} ${remedy}`
}

function ofVariables(): Fault[] {
  const file = environmentFile(process.env)
  return file === undefined ? [] : faultsOf(file)
}

/** What `checkStateDir` would find beside the state folder of a daemon that is started with this environment. */
export async function faultsBeside(env: NodeJS.ProcessEnv): Promise<Fault[]> {
  // All are told, and none refused.
  const flags = { strictModes: false }
  const found = await loadDaemonConfig({ flags, env })
    // The daemon may have its key from a flag.
    .catch(() => loadTrust(flags, env))
    .catch(() => undefined)
  return [...(found?.faults ?? []), ...ofVariables()]
}

/** Says to the next version, which is asked before it starts, which configuration counts, and how strictly. */
export function tellNext({ env }: Invocation, flags: DaemonFlags, strict: boolean) {
  const file = namedFile(flags, env)
  if (file) env.FOMULAR_CONFIG = resolve(file.path)
  if (!strict) env.FOMULAR_STRICT_MODES = 'false'
}

/**
 * What a supervisor would leave alone is, of a version on trial, a reason to start the version before it.
 * @param dir returns the state folder
 */
export const whileOnTrial =
  (dir: () => string) =>
  (error: unknown): never => {
    if (!(error instanceof UserError) || process.env[ON_TRIAL] !== '1') throw error
    try {
      noteRefusal(dir(), error)
    } catch {
      // Its words are on standard error alone.
    }
    const { code, message, remedy, cause } = error
    throw new UserError(code, message, {
      ...(remedy !== undefined && { remedy }),
      exitCode: EXIT.restart,
      cause,
    })
  }
