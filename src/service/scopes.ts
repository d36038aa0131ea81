import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { isWithin, parseGroups, type UnitPlace } from './cgroup.ts'
import type { Shelter } from './fate.ts'

/** For systemd to make a scope, which takes milliseconds. */
const TRIAL_MS = 5000
/** By its path: an agent may have been given another PATH. */
const USUAL = '/usr/bin/systemd-run'

/**
 * Scopes of systemd, for what is to outlive a unit: of the machine's for root, else of the user's own where that runs for
 * as long as the machine does. One is made to see whether that works.
 * @param slice of the unit, with the limits that its administrator may have set there
 */
export async function findScopes(
  { name, scope, group }: UnitPlace,
  env: NodeJS.ProcessEnv,
  slice: string | undefined,
): Promise<Shelter | undefined> {
  // It throws for a user without a name, who has no systemd either.
  const { uid, username } = userInfo()
  const runtime = `/run/user/${uid}`
  const options = ['--scope', '--quiet', '--collect', '--description=Agent of fomular-daemon']
  let shelter: Shelter
  if (scope === 'system' && uid === 0) {
    // When the machine goes down, the daemon ends its agents before systemd does.
    const placed = [...(slice ? [`--slice=${slice}`] : []), `--property=Before=${name}.service`]
    shelter = scopes('scopes of systemd', [...options, ...placed])
  } else {
    const lasts = scope === 'user' || existsSync(`/var/lib/systemd/linger/${username}`)
    if (!lasts || !existsSync(`${runtime}/systemd/private`)) return undefined
    shelter = scopes(`scopes of the systemd of ${username}`, ['--user', ...options], runtime)
  }
  return (await works(shelter, env, group)) ? shelter : undefined
}

/** @param runtime of the user whose systemd it is */
function scopes(where: string, options: string[], runtime?: string): Shelter {
  const file = existsSync(USUAL) ? USUAL : 'systemd-run'
  return {
    where,
    command(argv, env, name) {
      const { XDG_RUNTIME_DIR: own } = env
      // systemd-run becomes its command, with the environment that it has.
      const restored = own === undefined ? ['-u', 'XDG_RUNTIME_DIR'] : [`XDG_RUNTIME_DIR=${own}`]
      const back = ['/usr/bin/env', '-u', 'INVOCATION_ID', ...(runtime === undefined ? [] : restored)]
      return {
        argv: [file, ...options, `--unit=${name}`, '--', ...back, ...argv],
        env: { ...env, ...(runtime !== undefined && { XDG_RUNTIME_DIR: runtime }) },
      }
    },
  }
}

/** Whether what is started so is outside of the unit. */
function works(shelter: Shelter, inherited: NodeJS.ProcessEnv, unit: string): Promise<boolean> {
  const name = `fomular-agent-trial-${process.pid}-${Date.now()}`
  const { argv, env } = shelter.command(['cat', '/proc/self/cgroup'], inherited, name)
  const [file, ...args] = argv
  return new Promise((resolve) => {
    execFile(file, args, { env, timeout: TRIAL_MS, killSignal: 'SIGKILL' }, (error, stdout) => {
      const group = parseGroups(stdout)
      resolve(!error && group !== undefined && !isWithin(group, unit))
    })
  })
}
