import { AGENT_UMASK } from '../config/environment.ts'
import { DAEMON_GROUP } from './delegated-group.ts'
import { rootHardening, systemHardening, userHardening } from './hardening.ts'
import {
  agentVariables,
  CODES,
  DESCRIPTION,
  keyVariable,
  markOf,
  type ServicePlan,
  serviceFiles,
  variables,
} from './plan.ts'
import { markText } from './unit-mark.ts'

/**
 * Time without a sign of life from the daemon, in seconds. After this time, systemd kills the daemon as
 * frozen.
 */
export const WATCHDOG_S = 60
/**
 * Delay before a restart, in seconds. From systemd 254 on, the delay grows from `first` to `last` in a number
 * of `steps`.
 */
export const RESTART_S = { first: 1, last: 60, steps: 8 }

/**
 * Decides how soon the kernel kills the daemon when memory runs out, from -1000 (never) to 1000 (first).
 * Agents have 300.
 */
const OOM_SCORE = -500

export interface SystemdFacts {
  /** Version of systemd on the machine of the unit; undefined if the machine has no systemd. */
  version: number | undefined
  scope: 'system' | 'user'
  /** True if a systemd-notify of root can send messages as its parent process. */
  speaksAsParent?: boolean
}

/** Returns the unit of a service that runs agents. */
export function unitText(plan: ServicePlan, { version = 0, scope, speaksAsParent }: SystemdFacts): string {
  const system = scope === 'system'
  const files = serviceFiles(system ? 'systemd' : 'systemd-user', plan.name, plan.account.home)
  const credential = system && (version === 0 || version >= 247)
  const sections: Section[] = [
    {
      name: 'Unit',
      lines: [
        `Description=${DESCRIPTION[plan.runs]}`,
        ...(system ? ['Wants=network-online.target', 'After=network-online.target'] : []),
        '# Restart without limit, because there may be nobody to start the service by hand.',
        'StartLimitIntervalSec=0',
      ],
    },
    {
      name: 'Service',
      lines: [
        'Type=notify',
        ...notifyLines(
          system && plan.account.uid === 0 && plan.agentUser !== undefined && speaksAsParent === true,
        ),
        `ExecStart=${[...plan.runner, plan.program, ...plan.args].map(argument).join(' ')}`,
        ...(system ? [`User=${plan.account.name}`] : []),
        'WorkingDirectory=~',
        `SyslogIdentifier=${plan.name}`,
        ...Object.entries({
          ...variables(plan),
          ...agentVariables(plan),
          ...(credential ? {} : keyVariable(plan, files.key)),
        }).map(([name, value]) => `Environment=${setting(`${name}=${value}`)}`),
        '# Create this file with mode 0600 for private variables of your agents, such as ANTHROPIC_API_KEY=…',
        `EnvironmentFile=-${files.environment}`,
        ...(credential && plan.ownKey ? [`LoadCredential=key:${files.key}`] : []),
        ...(system && plan.usualStateDir ? [`StateDirectory=${plan.name}`, 'StateDirectoryMode=0700'] : []),
        '',
        '# Agents outlive the daemon, even if it crashes. On `systemctl stop` and at shutdown, the daemon itself ends its',
        '# agents gracefully.',
        'KillMode=process',
        `TimeoutStopSec=${plan.stopSeconds}`,
        '# The daemon counts as started when it is connected to the server, or has tried to connect for 20 s.',
        'TimeoutStartSec=90',
        `WatchdogSec=${WATCHDOG_S}`,
        '# No core files of the daemon or of agents: core files would contain keys.',
        'WatchdogSignal=SIGKILL',
        'LimitCORE=0',
        `# This umask is only for the daemon: agents use ${AGENT_UMASK}. If you set another UMask=, agents use your UMask=, too.`,
        'UMask=0077',
        'Restart=always',
        `RestartSec=${RESTART_S.first}`,
        ...(version >= 254
          ? [`RestartSteps=${RESTART_S.steps}`, `RestartMaxDelaySec=${RESTART_S.last}`]
          : []),
        `# Exit code ${CODES.restart} requests a restart, for example after an update. Exit code ${CODES.refusedConfiguration} means that the daemon refuses its configuration.`,
        `SuccessExitStatus=${CODES.restart}`,
        `RestartForceExitStatus=${CODES.restart}`,
        `RestartPreventExitStatus=${CODES.refusedConfiguration}`,
        '# If a tool of an agent runs out of memory, only that tool ends, not all agents. The number of processes is not limited.',
        'OOMPolicy=continue',
        'TasksMax=infinity',
        '# If the machine runs out of memory, agents end before the daemon.',
        `OOMScoreAdjust=${OOM_SCORE}`,
        '# The daemon makes a control group for each agent, to find, limit, and end all processes that the agent starts.',
        'Delegate=yes',
        ...(version >= 254 ? [`DelegateSubgroup=${DAEMON_GROUP}`] : []),
        '',
        ...(system ? (plan.account.uid === 0 ? rootHardening : systemHardening(plan)) : userHardening),
      ],
    },
    { name: 'Install', lines: [`WantedBy=${system ? 'multi-user' : 'default'}.target`] },
  ]
  return renderUnit(plan, system, sections)
}

/**
 * @param asDaemon true if systemd-notify of root sends messages as the daemon, so that systemd can ignore messages
 * from agents of another user
 */
const notifyLines = (asDaemon: boolean): string[] => [
  '# The daemon notifies systemd through a child process, systemd-notify.',
  ...(asDaemon ? ['# If you set another User=, also set NotifyAccess=all.'] : []),
  `NotifyAccess=${asDaemon ? 'main' : 'all'}`,
]

export function renderUnit(plan: ServicePlan, system: boolean, sections: Section[]): string {
  const own = system ? `systemctl edit ${plan.name}` : `systemctl --user edit ${plan.name}`
  return `# ${markText(markOf(plan))}
# \`fomular-daemon service install\` overwrites this file. Add your own settings with: ${own}
${sections.map(({ name, lines }) => `\n[${name}]\n${lines.join('\n')}\n`).join('')}`
}

export interface Section {
  name: string
  lines: string[]
}

/** Escapes a value for a unit file: `%` is special in every setting, and a line feed would start a new setting. */
const escaped = (text: string) =>
  text.replace(/[\\"]/g, '\\$&').replace(/%/g, '%%').replace(/\n/g, '\\n').replace(/\r/g, '\\r')
export const setting = (text: string) => (/^[\w=./:@,+-]+$/.test(text) ? text : `"${escaped(text)}"`)
/** Quotes a word of a command line, in which `$` is also special. */
export const argument = (text: string) => setting(text).replace(/\$/g, '$$$$')
