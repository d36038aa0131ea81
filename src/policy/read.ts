import { lstatSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { homeOf } from '../config/home.ts'
import { reasonOf, shortageIn, systemCode, UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { orUndefined } from '../platform/or-undefined.ts'
import { faultsOf } from '../platform/ownership.ts'
import { readAtMost } from '../platform/read-at-most.ts'
import { examinePolicy } from './examine.ts'
import type { Policy } from './schema.ts'

/** Maximum size of the file, in bytes. */
const FILE_BYTES = 256 * 1024

/** Policy of the whole system. The system's policy takes precedence over a user's policy. */
export const SYSTEM_POLICY = '/etc/fomular-daemon/policy.toml'

/**
 * Returns the path of the policy: `named` if it is given, even if the file does not exist. Without `named`,
 * returns the first default path at which a file exists, or undefined.
 */
export function policyPath(named: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  return named ?? [SYSTEM_POLICY, join(homeOf(env), '.fomular/policy.toml')].find(isThere)
}

/**
 * Reports whether there is a file or a link, even if the link is broken. If this user may not access the
 * system's policy, returns true, because the policy must not seem to be missing.
 */
export function isThere(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch (error) {
    return path === SYSTEM_POLICY && !['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')
  }
}

/** Returns the error for an unusable policy. With such a policy, nothing is permitted. */
const unusable = (path: string, problem: string, remedy: string) =>
  new UserError('policy_invalid', `The policy ${path} ${problem}`, { remedy, exitCode: EXIT.usage })

/**
 * Reads a policy.
 * @param user uid of the only user, besides root, who is permitted to write to the file; by default, the user
 * of this process
 * @throws UserError if the file is missing, could have been written by others, or is invalid; or the system's
 * error for a temporary shortage
 */
export function readPolicy(path: string, user?: number): Policy {
  const [fault] = faultsOf(path, user)
  if (fault) throw unusable(path, `could be changed by others: ${fault.message}.`, `Run ${fault.remedy}.`)
  if (orUndefined(() => statSync(path))?.isFile() === false)
    throw unusable(path, 'is not a file.', 'Replace it with a file.')
  return parsePolicy(readPolicyText(path), path)
}

/**
 * Reads the text of a policy's file without checking it.
 * @throws UserError, or the system's error for a temporary shortage
 */
export function readPolicyText(path: string): string {
  try {
    return readAtMost(path, FILE_BYTES).text
  } catch (error) {
    if (shortageIn(error)) throw error
    throw unusable(path, `cannot be read: ${reasonOf(error)}.`, "Let the daemon's user read it.")
  }
}

/** Parses a policy. @throws UserError */
export function parsePolicy(text: string, path: string): Policy {
  const examined = examinePolicy(text)
  if (examined.policy) return inHome(examined.policy)
  const { message, remedy } = examined.problems[0]!
  throw unusable(path, message, remedy)
}

/** Replaces `~` in folders with the home folder of the daemon's user. */
function inHome(policy: Policy): Policy {
  const absolute = (folder: string) => (/^~(\/|$)/.test(folder) ? join(homedir(), folder.slice(1)) : folder)
  const { allow, deny } = policy.folders
  return {
    ...policy,
    folders: { allow: allow.map(absolute), deny: deny.map(absolute) },
    trusted_repositories: policy.trusted_repositories.map(absolute),
  }
}
