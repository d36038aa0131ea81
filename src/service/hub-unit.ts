import { CODES, DESCRIPTION, plainArgs, type ServicePlan, serviceFiles, variables } from './plan.ts'
import {
  argument,
  RESTART_S,
  renderUnit,
  type Section,
  type SystemdFacts,
  setting,
  WATCHDOG_S,
} from './unit.ts'

/**
 * Returns the unit of a hub. The unit is hardened strictly, because a hub starts no program except
 * systemd-notify.
 */
export function hubUnitText(plan: ServicePlan, { version = 0, scope }: SystemdFacts): string {
  const system = scope === 'system'
  const handsOver = system && (version === 0 || version >= 247)
  const secretFiles = handsOver ? Object.entries(plan.secretFiles ?? {}) : []
  const args = handsOver ? plan.args : plainArgs(plan)
  const words = [...plan.runner, plan.program, ...args].map(argument)
  for (const [name] of secretFiles) words.push(`--${name}`, `\${CREDENTIALS_DIRECTORY}/${name}`)
  const after = ['network-online.target', ...(plan.usesDatabase ? ['postgresql.service'] : [])].join(' ')
  const sections: Section[] = [
    {
      name: 'Unit',
      lines: [
        `Description=${DESCRIPTION.hub}`,
        ...(system ? ['Wants=network-online.target', `After=${after}`] : []),
        'StartLimitIntervalSec=0',
      ],
    },
    {
      name: 'Service',
      lines: [
        'Type=notify',
        '# The hub notifies systemd through a child process, systemd-notify.',
        'NotifyAccess=all',
        `ExecStart=${words.join(' ')}`,
        ...(system ? userLines(plan) : []),
        `SyslogIdentifier=${plan.name}`,
        ...Object.entries(variables(plan)).map(
          ([name, value]) => `Environment=${setting(`${name}=${value}`)}`,
        ),
        `EnvironmentFile=-${serviceFiles(system ? 'systemd' : 'systemd-user', plan.name, plan.account.home).environment}`,
        ...(secretFiles.length > 0
          ? ['# systemd reads these files at each start. After a change, restart the service.']
          : []),
        ...secretFiles.map(([name, path]) => `LoadCredential=${name}:${path}`),
        ...(system && plan.usualStateDir ? [`StateDirectory=${plan.name}`, 'StateDirectoryMode=0700'] : []),
        '',
        '# Connected machines reconnect by themselves, and resend data that the hub has not confirmed.',
        'KillMode=mixed',
        `TimeoutStopSec=${plan.stopSeconds}`,
        'TimeoutStartSec=90',
        `WatchdogSec=${WATCHDOG_S}`,
        '# No core files: they would contain keys.',
        'WatchdogSignal=SIGKILL',
        'LimitCORE=0',
        'Restart=always',
        `RestartSec=${RESTART_S.first}`,
        ...(version >= 254
          ? [`RestartSteps=${RESTART_S.steps}`, `RestartMaxDelaySec=${RESTART_S.last}`]
          : []),
        `# Exit code ${CODES.refusedConfiguration} means that the hub refuses its configuration.`,
        `RestartPreventExitStatus=${CODES.refusedConfiguration}`,
        '',
        ...(system ? systemHardening(plan) : userHardening),
      ],
    },
    { name: 'Install', lines: [`WantedBy=${system ? 'multi-user' : 'default'}.target`] },
  ]
  return renderUnit(plan, system, sections)
}

const userLines = ({ account, dynamicUser }: ServicePlan) => [
  ...(dynamicUser
    ? [
        '# systemd creates this user when the service starts, and removes it when the service ends.',
        'DynamicUser=yes',
      ]
    : []),
  `User=${account.name}`,
]

const COMMON = [
  'NoNewPrivileges=yes',
  'UMask=0077',
  'LockPersonality=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'RestrictNamespaces=yes',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
  'SystemCallErrorNumber=EPERM',
  'KeyringMode=private',
  '# Not set: MemoryDenyWriteExecute, because JavaScript engines compile at run time.',
]

const systemHardening = ({ lowPort, usualStateDir, stateDir }: ServicePlan): string[] => [
  ...(lowPort
    ? [
        '# The hub needs this privilege to listen on a port below 1024.',
        'CapabilityBoundingSet=CAP_NET_BIND_SERVICE',
        'AmbientCapabilities=CAP_NET_BIND_SERVICE',
      ]
    : ['CapabilityBoundingSet=', 'AmbientCapabilities=']),
  'ProtectSystem=strict',
  ...(usualStateDir ? ['ProtectHome=yes'] : ['ProtectHome=read-only', `ReadWritePaths=${setting(stateDir)}`]),
  'PrivateTmp=yes',
  'PrivateDevices=yes',
  'ProtectClock=yes',
  'ProtectHostname=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelTunables=yes',
  'ProtectKernelLogs=yes',
  'ProtectControlGroups=yes',
  'ProtectProc=invisible',
  ...COMMON,
]

const userHardening = COMMON
