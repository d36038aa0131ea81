import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { hubUnitText } from './hub-unit.ts'
import type { At, Manager, Status } from './manager.ts'
import { canSpeakAsParent } from './notify.ts'
import { PACKAGED_UNITS, type ServicePlan, serviceFiles } from './plan.ts'
import { query } from './run.ts'
import { keySteps, removeIdentity, type Step } from './steps.ts'
import { unitText } from './unit.ts'
import { type Installed, readInstalled } from './unit-mark.ts'

/** Returns the step that keeps the user's systemd running after the user's last logout. */
const enableLinger = (user: string): Step => ({
  do: 'run',
  argv: ['loginctl', 'enable-linger', user],
  optional: `The service and all its agents end when ${user} logs out. To keep the service running, and start it when the machine boots, run: sudo loginctl enable-linger ${user}`,
})

/** Returns a note that lingering stays enabled, because other services may need it. */
const stillLingers = (user: string): Step => ({
  do: 'note',
  text: `Lingering is still enabled: ${user}'s systemd runs even without a login. If nothing else needs lingering, run: loginctl disable-linger ${user}`,
})

export type Scope = 'system' | 'user'
/** Properties of a unit, as printed by `systemctl show`. */
export type Properties = Record<string, string>

/** Returns the service manager for the system's systemd instance, or for the user's own instance. */
export function systemd(scope: Scope): Manager {
  const system = scope === 'system'
  const name = system ? 'systemd' : 'systemd-user'
  const files = ({ name: of, home }: At) => serviceFiles(name, of, home)
  const at = ({ name: of, account }: ServicePlan): At => ({ name: of, home: account.home })
  const env = system ? process.env : userEnvironment()
  const systemctl = (...args: string[]) => ({
    do: 'run' as const,
    argv: ['systemctl', ...(system ? [] : ['--user']), ...args],
    env,
  })

  const file = async (plan: ServicePlan) => {
    const text = (plan.runs === 'hub' ? hubUnitText : unitText)(plan, {
      scope,
      version: await systemdVersion(),
      speaksAsParent: canSpeakAsParent(),
    })
    return { path: files(at(plan)).unit, text, mode: 0o644 }
  }

  const found = (of: At): { file: string; installed: Installed | undefined } => {
    const { unit } = files(of)
    const installed = readInstalled(unit)
    const other = system && !installed ? packaged(of.name) : undefined
    return other ?? { file: unit, installed }
  }

  return {
    name,
    file,

    async install(plan, { start, key }) {
      checkUsable(system)
      const { key: keyPath } = files(at(plan))
      // From version 247 on, systemd passes the key as a credential. With older versions, the daemon must be
      // able to read the key file.
      const owner = ((await systemdVersion()) ?? 0) < 247 ? plan.account : undefined
      const { name: user } = plan.account
      return [
        ...keySteps(keyPath, key, owner),
        { do: 'write', ...(await file(plan)) },
        ...(system || lingers(user) ? [] : [enableLinger(user)]),
        systemctl('daemon-reload'),
        systemctl('enable', '--quiet', plan.name),
        ...(start ? [systemctl('start', plan.name)] : []),
      ]
    },

    async uninstall(of) {
      checkUsable(system)
      const { unit, key, dir } = files(of)
      const { username } = userInfo()
      if (system && !existsSync(unit) && packaged(of.name)) throw belongsToPackage(of.name)
      return [
        ...(existsSync(unit) ? [systemctl('disable', '--now', '--quiet', of.name)] : []),
        { do: 'remove', path: unit },
        { do: 'remove', path: key },
        ...removeIdentity(key),
        { do: 'remove-folder', path: dir },
        systemctl('daemon-reload'),
        // `reset-failed` fails if the unit is not in a failed state.
        { ...systemctl('reset-failed', of.name), optional: '' },
        ...(system || !lingers(username) ? [] : [stillLingers(username)]),
      ]
    },

    start: ({ name: of }) => [systemctl('start', of)],
    stop: ({ name: of }) => [systemctl('stop', of)],

    async status(of): Promise<Status> {
      const { file, installed } = found(of)
      const shown = await properties(scope, of.name)
      const pid = Number(shown.MainPID ?? 0)
      return {
        manager: name,
        name: of.name,
        file,
        installed: installed !== undefined,
        running: shown.ActiveState === 'active',
        failed: shown.ActiveState === 'failed',
        enabled: shown.UnitFileState === 'enabled',
        state: stateIn(shown),
        ...(pid > 0 && { pid, ...(shown.ActiveEnterTimestamp && { since: shown.ActiveEnterTimestamp }) }),
        ...(shown.NRestarts && { restarts: Number(shown.NRestarts) }),
        ...(shown.StatusText && { says: shown.StatusText }),
        ...(installed?.mark && {
          state_dir: installed.mark.state_dir,
          user: installed.mark.user,
          runs: installed.mark.runs ?? 'daemon',
        }),
      }
    },

    logs: ({ name: of }, { lines, follow }) => [
      'journalctl',
      ...(system ? [] : ['--user']),
      '--unit',
      of,
      '--lines',
      String(lines),
      ...(follow ? ['--follow'] : ['--no-pager']),
    ],
  }
}

/** Returns the unit of this name from a Debian package, if the unit runs this program. */
export function packaged(name: string): { file: string; installed: Installed } | undefined {
  const file = join(PACKAGED_UNITS, `${name}.service`)
  const installed = readInstalled(file)
  return installed?.mark && { file, installed }
}

const belongsToPackage = (name: string) =>
  new UserError('from_package', `The service ${name} belongs to the Debian package fomular-daemon.`, {
    remedy: `Remove the service and the package with \`sudo apt-get remove fomular-daemon\`, or only stop the service permanently: sudo systemctl disable --now ${name}`,
    exitCode: EXIT.refused,
  })

/** Returns a unit's state. Systemd reports a start as successful even if an unmet condition prevented it. */
function stateIn({ ActiveState, SubState, ConditionResult, ConditionTimestamp }: Properties): string {
  const state = `${ActiveState ?? 'unknown'} (${SubState ?? 'unknown'})`
  const unmet = ActiveState === 'inactive' && ConditionResult === 'no' && ConditionTimestamp
  return unmet ? `${state}: it did not start because a condition of its unit is not met` : state
}

/** Returns a unit's properties; an empty object without systemd. */
export async function properties(scope: Scope, unit: string): Promise<Properties> {
  const argv = ['systemctl', ...(scope === 'system' ? [] : ['--user']), 'show', unit]
  const { code, stdout } = await query(argv, scope === 'system' ? process.env : userEnvironment())
  if (code !== 0) return {}
  return Object.fromEntries(
    stdout.split('\n').map((line) => {
      const at = line.indexOf('=')
      return [line.slice(0, at), line.slice(at + 1)]
    }),
  )
}

/**
 * Returns the environment with which programs reach the user's systemd, even without a login, for example in
 * a cron job.
 */
export function userEnvironment(): NodeJS.ProcessEnv {
  const runtime = `/run/user/${process.getuid?.()}`
  return process.env.XDG_RUNTIME_DIR ? process.env : { ...process.env, XDG_RUNTIME_DIR: runtime }
}

export const lingers = (user: string) => existsSync(`/var/lib/systemd/linger/${user}`)

async function systemdVersion(): Promise<number | undefined> {
  const { stdout } = await query(['systemctl', '--version'])
  const [, version] = /^systemd (\d+)/.exec(stdout) ?? []
  return version === undefined ? undefined : Number(version)
}

function checkUsable(system: boolean) {
  if (!existsSync('/run/systemd/system'))
    throw new UserError('no_systemd', 'This machine does not run systemd.', {
      remedy: 'Use --manager pm2, or adapt the output of `fomular-daemon service print` to your supervisor.',
      exitCode: EXIT.refused,
    })
  if (system && process.getuid?.() !== 0)
    throw new UserError('needs_root', 'Only root can manage system services.', {
      remedy: 'Run this with sudo, or install the service for this user only: --manager systemd-user',
      exitCode: EXIT.refused,
    })
}
