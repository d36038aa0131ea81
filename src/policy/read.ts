import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { tomlProblem } from '../config/file.ts'
import { homeOf } from '../config/home.ts'
import { suggest } from '../config/suggest.ts'
import { reasonOf, shortageIn, UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { faultsOf } from '../platform/ownership.ts'
import { readAtMost } from '../platform/read-at-most.ts'
import { type Policy, PolicyFile } from './schema.ts'

/** Maximum size of the file, in bytes. */
const FILE_BYTES = 256 * 1024

/** Policy of the whole system, which takes precedence over that of a user. */
export const SYSTEM_POLICY = '/etc/fomular-daemon/policy.toml'

/**
 * Returns the path of the policy: the named file, even if it does not exist, or else the first of the usual files that
 * exists; undefined if there is none.
 */
export function policyPath(named: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  return named ?? [SYSTEM_POLICY, join(homeOf(env), '.fomular/policy.toml')].find(existsSync)
}

/** Returns the error for a policy that cannot be obeyed, and so permits nothing. */
const unusable = (path: string, problem: string, remedy: string) =>
  new UserError('policy_invalid', `The policy ${path} ${problem}`, { remedy, exitCode: EXIT.usage })

/**
 * Reads a policy.
 * @param user uid of the only user, besides root, who may have written it; by default, this process's
 * @throws UserError if the file is missing, could have been written by others, or is invalid; or the system's error
 * for a temporary shortage
 */
export function readPolicy(path: string, user?: number): Policy {
  const [fault] = faultsOf(path, user)
  if (fault) throw unusable(path, `could be changed by others: ${fault.message}.`, `Run ${fault.remedy}.`)
  let text: string
  try {
    text = readAtMost(path, FILE_BYTES).text
  } catch (error) {
    if (shortageIn(error)) throw error
    throw unusable(path, `cannot be read: ${reasonOf(error)}`, "Let the daemon's user read it.")
  }
  return parsePolicy(text, path)
}

/** Parses a policy. @throws UserError */
export function parsePolicy(text: string, path: string): Policy {
  let table: unknown
  try {
    table = parse(text)
  } catch (error) {
    throw unusable(path, `is not valid TOML: ${tomlProblem(error)}`, 'Correct the file.')
  }
  const parsed = PolicyFile.safeParse(table)
  if (!parsed.success) throw invalid(path, parsed.error.issues[0]!)
  return inHome(parsed.data)
}

type Issue = { code?: string | undefined; path: PropertyKey[]; message: string; keys?: string[] }

function invalid(path: string, issue: Issue) {
  const section = issue.path.map(String)
  if (issue.code !== 'unrecognized_keys')
    return unusable(
      path,
      `is invalid at ${section.join('.') || 'its top level'}: ${issue.message}.`,
      'Correct the file.',
    )
  const key = [...section, issue.keys?.[0] ?? ''].join('.')
  const meant = suggest(key, KEYS)
  return unusable(
    path,
    `has an unknown key "${key}".`,
    meant === undefined ? `Known keys: ${KEYS.join(', ')}.` : `Did you mean "${meant}"?`,
  )
}

/** All keys of the file, such as `folders.allow`. */
export const KEYS: readonly string[] = keysOf(PolicyFile as unknown as Described)

interface Described {
  _zod: { def: { shape?: Record<string, Described>; innerType?: Described } }
}

function keysOf(schema: Described): string[] {
  return Object.entries(schema._zod.def.shape ?? {}).flatMap(([key, value]) => {
    let inner = value
    while (inner._zod.def.innerType) inner = inner._zod.def.innerType
    const below = keysOf(inner)
    return below.length === 0 ? [key] : below.map((name) => `${key}.${name}`)
  })
}

/** Replaces `~` in folders with the home of the daemon's user. */
function inHome(policy: Policy): Policy {
  const absolute = (folder: string) => (/^~(\/|$)/.test(folder) ? join(homedir(), folder.slice(1)) : folder)
  const { allow, deny } = policy.folders
  return {
    ...policy,
    folders: { allow: allow.map(absolute), deny: deny.map(absolute) },
    trusted_repositories: policy.trusted_repositories.map(absolute),
  }
}
