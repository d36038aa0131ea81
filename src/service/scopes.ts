import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { trustedEnvironment } from '../platform/trusted-path.ts'
import { isWithin, parseGroups, type UnitPlace } from './cgroup.ts'
import type { Shelter } from './fate.ts'

/** Maximum time for systemd to create a scope, in ms. It normally takes milliseconds. */
const TRIAL_MS = 5000
/** The usual path of systemd-run. It is absolute, because an agent may have a different PATH. */
const USUAL = '/usr/bin/systemd-run'

/**
 * Finds systemd scopes for processes that must outlive a unit. For root, these are scopes of the system
 * manager. For any other user, these are scopes of the user's systemd, if that systemd does not end at
 * logout. Creates one scope as a test.
 * @param slice the unit's slice, whose limits also apply to the scopes
 */
export async function findScopes(
  { name, scope, group }: UnitPlace,
  env: NodeJS.ProcessEnv,
  slice: string | undefined,
): Promise<Shelter | undefined> {
  // userInfo() throws for a user without a name. Such a user has no systemd either.
  const { uid, username } = userInfo()
  const runtime = `/run/user/${uid}`
  const options = ['--scope', '--quiet', '--collect', '--description=Agent of fomular-daemon']
  let shelter: Shelter
  if (scope === 'system' && uid === 0) {
    // At shutdown, systemd stops the daemon before the scopes, so that the daemon ends its agents gracefully.
    const placed = [...(slice ? [`--slice=${slice}`] : []), `--property=Before=${name}.service`]
    shelter = scopes('scopes of systemd', [...options, ...placed])
  } else {
    const lasts = scope === 'user' || existsSync(`/var/lib/systemd/linger/${username}`)
    if (!lasts || !existsSync(`${runtime}/systemd/private`)) return undefined
    shelter = scopes(`scopes of ${username}'s systemd`, ['--user', ...options], runtime)
  }
  return (await works(shelter, env, group)) ? shelter : undefined
}

/** @param runtime runtime folder of the user whose systemd runs the scopes */
function scopes(where: string, options: string[], runtime?: string): Shelter {
  const file = existsSync(USUAL) ? USUAL : 'systemd-run'
  return {
    where,
    command(argv, env, name) {
      const { XDG_RUNTIME_DIR: own } = env
      // systemd-run passes its own environment to the command, so restore the agent's environment.
      const restored = own === undefined ? ['-u', 'XDG_RUNTIME_DIR'] : [`XDG_RUNTIME_DIR=${own}`]
      const back = ['/usr/bin/env', '-u', 'INVOCATION_ID', ...(runtime === undefined ? [] : restored)]
      return {
        argv: [file, ...options, `--unit=${name}`, '--', ...back, ...argv],
        env: { ...env, ...(runtime !== undefined && { XDG_RUNTIME_DIR: runtime }) },
      }
    },
  }
}

/** Starts a program in the shelter, and reports whether the program is then outside the unit. */
function works(shelter: Shelter, inherited: NodeJS.ProcessEnv, unit: string): Promise<boolean> {
  const name = `fomular-agent-trial-${process.pid}-${Date.now()}`
  const { argv, env } = shelter.command(['cat', '/proc/self/cgroup'], trustedEnvironment(inherited), name)
  const [file, ...args] = argv
  return new Promise((resolve) => {
    execFile(file, args, { env, timeout: TRIAL_MS, killSignal: 'SIGKILL' }, (error, stdout) => {
      const group = parseGroups(stdout)
      resolve(!error && group !== undefined && !isWithin(group, unit))
    })
  })
}
