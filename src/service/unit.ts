import { AGENT_UMASK } from '../config/environment.ts'
import { rootHardening, systemHardening, userHardening } from './hardening.ts'
import { markText } from './mark.ts'
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

/** Seconds without a sign of life after which a daemon counts as frozen. */
export const WATCHDOG_S = 60
/** Seconds between an end and the next start; where systemd can, growing up to the second number. */
export const RESTART_S = { first: 1, last: 60, steps: 8 }

export interface SystemdFacts {
  /** Of the machine that the unit is for; unknown where it has none. */
  version: number | undefined
  scope: 'system' | 'user'
}

/** The unit of a service that runs agents. */
export function unitText(plan: ServicePlan, { version = 0, scope }: SystemdFacts): string {
  const system = scope === 'system'
  const files = serviceFiles(system ? 'systemd' : 'systemd-user', plan.name, plan.account.home)
  const credential = system && (version === 0 || version >= 247)
  const sections: Section[] = [
    {
      name: 'Unit',
      lines: [
        `Description=${DESCRIPTION[plan.runs]}`,
        ...(system ? ['Wants=network-online.target', 'After=network-online.target'] : []),
        '# Nobody may be there to start it: it is tried for ever.',
        'StartLimitIntervalSec=0',
      ],
    },
    {
      name: 'Service',
      lines: [
        'Type=notify',
        "# systemd-notify speaks for the daemon, as the daemon's child.",
        'NotifyAccess=all',
        `ExecStart=${[...plan.runner, plan.program, ...plan.args].map(argument).join(' ')}`,
        ...(system ? [`User=${plan.account.name}`] : []),
        'WorkingDirectory=~',
        `SyslogIdentifier=${plan.name}`,
        ...Object.entries({
          ...variables(plan),
          ...agentVariables(plan),
          ...(credential ? {} : keyVariable(plan, files.key)),
        }).map(([name, value]) => `Environment=${setting(`${name}=${value}`)}`),
        '# Yours to write, mode 0600: what agents need and others must not see, such as ANTHROPIC_API_KEY=…',
        `EnvironmentFile=-${files.environment}`,
        ...(credential && plan.ownKey ? [`LoadCredential=key:${files.key}`] : []),
        ...(system && plan.usualStateDir ? [`StateDirectory=${plan.name}`, 'StateDirectoryMode=0700'] : []),
        '',
        '# Agents outlive the daemon: its end, however it comes, is not theirs. `systemctl stop` and a shutdown of the',
        '# machine ask the daemon, which then ends them one by one, gracefully.',
        'KillMode=process',
        `TimeoutStopSec=${plan.stopSeconds}`,
        '# Started is: connected to the server, or trying soundly.',
        'TimeoutStartSec=90',
        `WatchdogSec=${WATCHDOG_S}`,
        '# Without a core file, of an agent either: keys would be in it.',
        'WatchdogSignal=SIGKILL',
        'LimitCORE=0',
        `# Of the daemon alone: agents have ${AGENT_UMASK}. With a UMask= of your own, they have that.`,
        'UMask=0077',
        'Restart=always',
        `RestartSec=${RESTART_S.first}`,
        ...(version >= 254
          ? [`RestartSteps=${RESTART_S.steps}`, `RestartMaxDelaySec=${RESTART_S.last}`]
          : []),
        `# ${CODES.restart}: it asks for a new start, for an update say. ${CODES.refusedConfiguration}: it cannot start with this configuration.`,
        `SuccessExitStatus=${CODES.restart}`,
        `RestartForceExitStatus=${CODES.restart}`,
        `RestartPreventExitStatus=${CODES.refusedConfiguration}`,
        "# A tool that takes too much memory is ended by itself, not with all agents; agents' processes are many.",
        'OOMPolicy=continue',
        'TasksMax=infinity',
        '',
        ...(system ? (plan.account.uid === 0 ? rootHardening : systemHardening(plan)) : userHardening),
      ],
    },
    { name: 'Install', lines: [`WantedBy=${system ? 'multi-user' : 'default'}.target`] },
  ]
  return renderUnit(plan, system, sections)
}

export function renderUnit(plan: ServicePlan, system: boolean, sections: Section[]): string {
  const own = system ? `systemctl edit ${plan.name}` : `systemctl --user edit ${plan.name}`
  return `# ${markText(markOf(plan))}
# \`fomular-daemon service install\` writes this file anew. Settings of your own: ${own}
${sections.map(({ name, lines }) => `\n[${name}]\n${lines.join('\n')}\n`).join('')}`
}

export interface Section {
  name: string
  lines: string[]
}

/** `%` is systemd's own, in every setting; what stood behind the end of a line would be a setting of its own. */
const escaped = (text: string) =>
  text.replace(/[\\"]/g, '\\$&').replace(/%/g, '%%').replace(/\n/g, '\\n').replace(/\r/g, '\\r')
export const setting = (text: string) => (/^[\w=./:@,+-]+$/.test(text) ? text : `"${escaped(text)}"`)
/** In a command line, `$` is systemd's own, too. */
export const argument = (text: string) => setting(text).replace(/\$/g, '$$$$')
