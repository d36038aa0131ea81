import { constants, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { AGENT_UMASK } from '../config/environment.ts'
import { canSpeakAsParent } from './notify.ts'
import { CODES, type Runs, SUPERVISED } from './plan.ts'
import type { Pm2Entry } from './pm2-entry.ts'
import type { Properties, Scope } from './systemd.ts'

/** A setting of a service that does not suit this program. */
export interface UnitProblem {
  level: 'error' | 'warning'
  message: string
  remedy: string
}

/** Reports whether a command runs this program. */
export const isOurs = (command: string) => /fomular-daemon|@fomular-os\/daemon/.test(command)

/** Facts about the daemon of a unit that the unit's properties do not tell. */
interface DaemonFacts {
  /** True if systemd-notify can send messages as the daemon. */
  speaksAsDaemon: boolean
  /** User that agents run as, according to the policy, if it is not the daemon's user. */
  agentUser: string | undefined
}

interface Rule {
  level: UnitProblem['level']
  /** Reports whether the rule applies to a unit. */
  when(unit: Properties, daemon: DaemonFacts): boolean
  message: string
  /** The setting that fixes the problem. */
  set: string
  /** Set if the rule also applies to a hub's unit. */
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

/** Returns the folder of the program that a unit runs. */
function programFolder(unit: Properties): string | undefined {
  const [, command = ''] = /argv\[\]=([^;]*)/.exec(unit.ExecStart ?? '') ?? []
  const program = command.split(' ').find(isOurs)
  try {
    return program && dirname(realpathSync(program))
  } catch {
    return undefined
  }
}

/** Reports whether the unit's settings make the folder of its program read-only, and so prevent updates. */
function isReadOnly(unit: Properties): boolean {
  const folder = programFolder(unit)
  if (folder === undefined || isWritable(unit, folder)) return false
  if (unit.ProtectSystem === 'strict') return true
  const closed = { full: ['/usr', '/boot', '/efi', '/etc'], yes: ['/usr', '/boot', '/efi'] }
  const roots = closed[unit.ProtectSystem as keyof typeof closed] ?? []
  // A user other than root cannot write to a folder of root, even without these settings. The daemon of such
  // a user installs updates in the user's home.
  const rights = ['', 'root'].includes(unit.User ?? '') || statSync(folder).uid !== 0
  return rights && roots.some((root) => under(folder, root))
}

/** Reports whether the unit contains the key itself, in its command or in a variable. */
function showsKey({ ExecStart = '', Environment = '' }: Properties): boolean {
  const [given, variable = 'FOMULAR_KEY'] = /\s--key[ =](?:\$\{?(\w+)\}?)?/.exec(ExecStart) ?? []
  const isLiteral = given !== undefined && !given.includes('$')
  return isLiteral || new RegExp(`[\\s"]${variable}=`).test(` ${Environment}`)
}

/** Reports whether a unit runs as root, with the capability to send messages to systemd as another process. */
const isRoots = ({ User = '', CapabilityBoundingSet = 'cap_sys_admin' }: Properties, scope: Scope) =>
  scope === 'system' && ['', 'root', '0'].includes(User) && CapabilityBoundingSet.includes('cap_sys_admin')

const restartsOn75 = ({ Restart = 'no', RestartForceExitStatus, SuccessExitStatus }: Properties) =>
  Restart === 'always' ||
  includes(RestartForceExitStatus, CODES.restart) ||
  Restart === (includes(SuccessExitStatus, CODES.restart) ? 'on-success' : 'on-failure')

const RULES: Rule[] = [
  {
    level: 'error',
    when: ({ KillMode }) => KillMode === 'control-group' || KillMode === 'mixed',
    message: 'ends all agents whenever the daemon ends, also for an update or after a crash',
    set: 'KillMode=process',
  },
  {
    level: 'error',
    when: (unit) => !restartsOn75(unit) || includes(unit.RestartPreventExitStatus, CODES.restart),
    message: `does not restart the daemon on exit code ${CODES.restart}: after an update the daemon would stay down`,
    set: 'Restart=always',
  },
  {
    level: 'warning',
    when: ({ Environment }) => !` ${Environment ?? ''} `.includes(` ${SUPERVISED}=1 `),
    message:
      'does not tell the daemon that systemd restarts it: the daemon could start a second copy outside the unit',
    set: `Environment=${SUPERVISED}=1`,
  },
  {
    level: 'warning',
    when: showsKey,
    message: 'shows its key to every user of this machine (systemctl show)',
    set: '--key-file, with a file of mode 0600, instead of the key',
  },
  {
    level: 'error',
    when: ({ Type, NotifyAccess }, { speaksAsDaemon }) =>
      Type === 'notify' && NotifyAccess !== 'all' && !(NotifyAccess === 'main' && speaksAsDaemon),
    message: 'never counts as started: systemd ignores the messages that systemd-notify sends for it',
    set: 'NotifyAccess=all',
    ofHub: true,
  },
  {
    level: 'warning',
    when: ({ NotifyAccess }, { speaksAsDaemon, agentUser }) =>
      NotifyAccess === 'all' && speaksAsDaemon && agentUser !== undefined,
    message: 'lets agents of another user send messages to systemd as the daemon',
    set: 'NotifyAccess=main',
  },
  {
    level: 'warning',
    when: isReadOnly,
    message: 'makes the folder of its program read-only: updates fail',
    set: 'ReadWritePaths= to include that folder',
  },
  {
    level: 'error',
    when: ({ ProtectHome }) => ['yes', 'read-only', 'tmpfs'].includes(ProtectHome ?? 'no'),
    message: "denies agents access to users' home folders",
    set: 'ProtectHome=no',
  },
  {
    level: 'warning',
    when: ({ PrivateTmp }) => PrivateTmp === 'yes',
    message: 'removes the /tmp of running agents whenever the daemon restarts',
    set: 'PrivateTmp=no',
  },
  {
    level: 'warning',
    when: ({ OOMPolicy }) => OOMPolicy === 'stop' || OOMPolicy === 'kill',
    message: 'ends the daemon and all agents when one of their tools runs out of memory',
    set: 'OOMPolicy=continue',
  },
  {
    level: 'warning',
    when: ({ LimitCORE = '0' }) => LimitCORE !== '0',
    message: 'allows core files, which would contain keys',
    set: 'LimitCORE=0',
    ofHub: true,
  },
  {
    level: 'warning',
    when: ({ UMask = '0077' }) => (Number.parseInt(UMask, 8) & constants.S_IROTH) === 0,
    message: 'lets other users read files that the daemon writes',
    set: `UMask=0077 and, for files that agents write, Environment=${AGENT_UMASK}=0022`,
  },
]

/**
 * Returns the problems of a unit. @param unit properties from systemd, which include the settings of drop-ins
 */
export function unitProblems(
  name: string,
  unit: Properties,
  scope: Scope,
  runs: Runs,
  {
    agentUser,
    speaksAsParent = canSpeakAsParent(),
  }: { agentUser?: string | undefined; speaksAsParent?: boolean } = {},
): UnitProblem[] {
  const edit = scope === 'system' ? `systemctl edit ${name}` : `systemctl --user edit ${name}`
  const rules = RULES.filter(({ ofHub }) => runs !== 'hub' || ofHub)
  const install = `fomular-daemon service install${runs === 'daemon' ? '' : ` ${runs}`}`
  const found = rules
    .filter(({ when }) => when(unit, { speaksAsDaemon: speaksAsParent && isRoots(unit, scope), agentUser }))
    .map(
      ({ level, message, set }): UnitProblem => ({
        level,
        message: `The unit ${name} ${message}.`,
        remedy: `Set ${set} (${edit}), or generate a suitable unit: ${install}`,
      }),
    )
  if (unit.NeedDaemonReload === 'yes')
    found.push({
      level: 'warning',
      message: `systemd has not loaded the latest changes of the unit ${name}.`,
      remedy: scope === 'system' ? 'systemctl daemon-reload' : 'systemctl --user daemon-reload',
    })
  return found
}

/** Duration of a graceful stop with the default grace periods, in ms. */
const STOP_MS = 30_000

export function pm2Problems({ name, pm2_env }: Pm2Entry): UnitProblem[] {
  const { treekill, autorestart, kill_timeout } = pm2_env
  const troubles: [boolean, UnitProblem['level'], string, string][] = [
    [
      treekill !== false,
      'error',
      'ends all agents whenever pm2 restarts or stops the daemon',
      'treekill: false',
    ],
    [
      autorestart === false,
      'error',
      'does not restart the daemon when it exits: after an update the daemon would stay down',
      'autorestart: true',
    ],
    [
      Number(kill_timeout ?? 1600) < STOP_MS,
      'warning',
      'gives the daemon too little time to end its agents when it is stopped',
      `kill_timeout: ${STOP_MS}`,
    ],
  ]
  return troubles
    .filter(([holds]) => holds)
    .map(([, level, message, set]) => ({
      level,
      message: `The pm2 entry ${name} ${message}.`,
      remedy: `Set ${set} in its ecosystem file, then run \`pm2 delete\` and \`pm2 start\` for it. Or generate a suitable entry: fomular-daemon service install --manager pm2`,
    }))
}
