import { constants, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { AGENT_UMASK } from '../config/environment.ts'
import { CODES, type Runs, SUPERVISED } from './plan.ts'
import type { Pm2Entry } from './pm2.ts'
import type { Properties, Scope } from './systemd.ts'

/** What does not fit this daemon in a service, whoever wrote it. */
export interface Trouble {
  level: 'error' | 'warning'
  message: string
  remedy: string
}

/** Whether a command runs this program. */
export const isOurs = (command: string) => /fomular-daemon|@fomular-os\/daemon/.test(command)

interface Rule {
  level: Trouble['level']
  /** Whether it is so. */
  when(unit: Properties): boolean
  message: string
  /** What it should be. */
  set: string
  /** Of a hub's unit, too. */
  ofHub?: true
}

const includes = (list: string | undefined, code: number) => (list ?? '').split(/\s+/).includes(String(code))
const under = (path: string, folder: string) =>
  path === folder || path.startsWith(`${folder.replace(/\/$/, '')}/`)
const isWritable = (unit: Properties, path: string) =>
  (unit.ReadWritePaths ?? '')
    .split(' ')
    .filter(Boolean)
    .some((folder) => under(path, folder.replace(/^[-+]+/, '')))

/** Folder of the program that a unit runs. */
function programFolder(unit: Properties): string | undefined {
  const [, command = ''] = /argv\[\]=([^;]*)/.exec(unit.ExecStart ?? '') ?? []
  const program = command.split(' ').find(isOurs)
  try {
    return program && dirname(realpathSync(program))
  } catch {
    return undefined
  }
}

/** Whether the unit, and not only the user's rights, keeps updates from being written. */
function isReadOnly(unit: Properties): boolean {
  const folder = programFolder(unit)
  if (folder === undefined || isWritable(unit, folder)) return false
  if (unit.ProtectSystem === 'strict') return true
  const closed = { full: ['/usr', '/boot', '/efi', '/etc'], yes: ['/usr', '/boot', '/efi'] }
  const roots = closed[unit.ProtectSystem as keyof typeof closed] ?? []
  // What belongs to root, another user does not write: updates go to that user's home.
  const rights = ['', 'root'].includes(unit.User ?? '') || statSync(folder).uid !== 0
  return rights && roots.some((root) => under(folder, root))
}

/** Whether the key is in the unit: as it is, or in a variable that the unit sets. */
function showsKey({ ExecStart = '', Environment = '' }: Properties): boolean {
  const [given, variable = 'FOMULAR_KEY'] = /\s--key[ =](?:\$\{?(\w+)\}?)?/.exec(ExecStart) ?? []
  const isLiteral = given !== undefined && !given.includes('$')
  return isLiteral || new RegExp(`[\\s"]${variable}=`).test(` ${Environment}`)
}

const restartsOn75 = ({ Restart = 'no', RestartForceExitStatus, SuccessExitStatus }: Properties) =>
  Restart === 'always' ||
  includes(RestartForceExitStatus, CODES.restart) ||
  Restart === (includes(SuccessExitStatus, CODES.restart) ? 'on-success' : 'on-failure')

const RULES: Rule[] = [
  {
    level: 'error',
    when: ({ KillMode }) => KillMode === 'control-group' || KillMode === 'mixed',
    message: 'would end all agents whenever the daemon ends, for an update or by a crash',
    set: 'KillMode=process',
  },
  {
    level: 'error',
    when: (unit) => !restartsOn75(unit) || includes(unit.RestartPreventExitStatus, CODES.restart),
    message: `does not start the daemon again when it asks for it (exit code ${CODES.restart}): an update would end it`,
    set: 'Restart=always',
  },
  {
    level: 'warning',
    when: ({ Environment }) => !` ${Environment ?? ''} `.includes(` ${SUPERVISED}=1 `),
    message: 'does not tell the daemon that it is started again: it might start itself, beside the unit',
    set: `Environment=${SUPERVISED}=1`,
  },
  {
    level: 'warning',
    when: showsKey,
    message: 'shows its key to every user of this machine (systemctl show)',
    set: '--key-file with a file of mode 0600 in place of the key',
  },
  {
    level: 'error',
    when: ({ Type, NotifyAccess }) => Type === 'notify' && NotifyAccess !== 'all',
    message: 'never counts as started: systemd does not listen to what systemd-notify says for it',
    set: 'NotifyAccess=all',
    ofHub: true,
  },
  {
    level: 'warning',
    when: isReadOnly,
    message: 'has its own program read-only: updates cannot be written',
    set: 'ReadWritePaths= with its folder',
  },
  {
    level: 'error',
    when: ({ ProtectHome }) => ['yes', 'read-only', 'tmpfs'].includes(ProtectHome ?? 'no'),
    message: 'keeps agents from the folders of users',
    set: 'ProtectHome=no',
  },
  {
    level: 'warning',
    when: ({ PrivateTmp }) => PrivateTmp === 'yes',
    message: 'takes /tmp away from under its agents whenever the daemon starts anew',
    set: 'PrivateTmp=no',
  },
  {
    level: 'warning',
    when: ({ OOMPolicy }) => OOMPolicy === 'stop' || OOMPolicy === 'kill',
    message: 'ends the daemon and all agents when one of their tools takes too much memory',
    set: 'OOMPolicy=continue',
  },
  {
    level: 'warning',
    when: ({ LimitCORE = '0' }) => LimitCORE !== '0',
    message: 'allows core files, which would have keys in them',
    set: 'LimitCORE=0',
    ofHub: true,
  },
  {
    level: 'warning',
    when: ({ UMask = '0077' }) => (Number.parseInt(UMask, 8) & constants.S_IROTH) === 0,
    message: 'lets other users read files that the daemon writes',
    set: `UMask=0077 and, for what agents write, Environment=${AGENT_UMASK}=0022`,
  },
]

/** @param unit its properties, as systemd has them, with whatever was added in other files */
export function unitTroubles(name: string, unit: Properties, scope: Scope, runs: Runs): Trouble[] {
  const edit = scope === 'system' ? `systemctl edit ${name}` : `systemctl --user edit ${name}`
  const rules = RULES.filter(({ ofHub }) => runs !== 'hub' || ofHub)
  const install = `fomular-daemon service install${runs === 'daemon' ? '' : ` ${runs}`}`
  const found = rules
    .filter(({ when }) => when(unit))
    .map(
      ({ level, message, set }): Trouble => ({
        level,
        message: `The unit ${name} ${message}.`,
        remedy: `Set ${set} (${edit}), or have a unit written that fits: ${install}`,
      }),
    )
  if (unit.NeedDaemonReload === 'yes')
    found.push({
      level: 'warning',
      message: `The unit ${name} was changed, and systemd does not know yet.`,
      remedy: scope === 'system' ? 'systemctl daemon-reload' : 'systemctl --user daemon-reload',
    })
  return found
}

/** For a graceful stop of an agent with the usual graces, ms. */
const STOP_MS = 30_000

export function pm2Troubles({ name, pm2_env }: Pm2Entry): Trouble[] {
  const { treekill, autorestart, kill_timeout } = pm2_env
  const troubles: [boolean, Trouble['level'], string, string][] = [
    [
      treekill !== false,
      'error',
      'would end all agents whenever pm2 restarts or stops the daemon',
      'treekill: false',
    ],
    [
      autorestart === false,
      'error',
      'does not start the daemon again when it asks for it: an update would end it',
      'autorestart: true',
    ],
    [
      Number(kill_timeout ?? 1600) < STOP_MS,
      'warning',
      'leaves the daemon no time to end its agents when it is stopped',
      `kill_timeout: ${STOP_MS}`,
    ],
  ]
  return troubles
    .filter(([holds]) => holds)
    .map(([, level, message, set]) => ({
      level,
      message: `The pm2 entry ${name} ${message}.`,
      remedy: `Set ${set} in its ecosystem file, then pm2 delete and start it; or have one written that fits: fomular-daemon service install --manager pm2`,
    }))
}
