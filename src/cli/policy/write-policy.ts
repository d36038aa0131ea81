import { lstatSync, mkdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { homeOf } from '../../config/home.ts'
import { configuredPolicy } from '../../config/single-settings.ts'
import { reasonOf, UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { makeFolder, writeAtomic } from '../../platform/files.ts'
import { parsePolicy, policyPath, SYSTEM_POLICY } from '../../policy/read.ts'
import { type PolicyChoices, policyText } from '../../policy/template.ts'
import { examineFile } from './examine-file.ts'
import type { InitOptions } from './init.ts'

/** Place of a new policy. */
export interface Place {
  path: string
  /** True if users other than the owner, such as the daemon's user, must be able to read the file. */
  isPublic: boolean
  /** True if only this user's daemons read this default place. */
  isOfUser: boolean
}

/** Returns the place that the flags, the settings, or the user choose. */
export async function placeOf({ output, system }: InitOptions): Promise<Place> {
  const isRoot = process.getuid?.() === 0
  const named = output ?? (system ? undefined : await configuredPolicy(process.env))
  if (named !== undefined) return { path: resolve(named), isPublic: isRoot, isOfUser: false }
  return system || isRoot
    ? { path: SYSTEM_POLICY, isPublic: true, isOfUser: false }
    : { path: join(homeOf(process.env), '.fomular/policy.toml'), isPublic: false, isOfUser: true }
}

/** @throws UserError if the file exists and may not be replaced */
export function checkFree({ path }: Place, force: boolean) {
  if (force || !lstatSync(path, { throwIfNoEntry: false })) return
  throw new UserError('file_exists', `The policy ${path} already exists.`, {
    remedy: 'Edit it, or replace it with --force.',
    exitCode: EXIT.refused,
  })
}

/** Writes a policy. @returns warnings @throws UserError */
export function writePolicy({ path, isPublic, isOfUser }: Place, choices: PolicyChoices): string[] {
  const text = policyText(choices)
  parsePolicy(text, path)
  try {
    if (isPublic) makeFolder(dirname(path))
    else mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeAtomic(path, text, { mode: isPublic ? 0o644 : 0o600, durable: true })
  } catch (error) {
    throw new UserError('file_unusable', `The policy ${path} cannot be written: ${reasonOf(error)}.`, {
      remedy: 'Run the command with sudo, or name another file with --output.',
      exitCode: EXIT.failure,
    })
  }
  const faults = examineFile(path, undefined).problems.map(({ message, remedy }) => `${message} ${remedy}`)
  const obeyed = isOfUser ? policyPath(undefined, process.env) : path
  return obeyed === path
    ? faults
    : [...faults, `The daemon obeys ${obeyed}, which takes precedence over the new file.`]
}
