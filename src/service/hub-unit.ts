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

/** The unit of a hub. It starts no programs but systemd-notify, so that all can be taken from it that a server does not need. */
export function hubUnitText(plan: ServicePlan, { version = 0, scope }: SystemdFacts): string {
  const system = scope === 'system'
  const handsOver = system && plan.tls !== undefined && (version === 0 || version >= 247)
  const args = handsOver ? plan.args : plainArgs(plan)
  const words = [...plan.runner, plan.program, ...args].map(argument)
  if (handsOver)
    for (const name of ['tls-cert', 'tls-key']) words.push(`--${name}`, `\${CREDENTIALS_DIRECTORY}/${name}`)
  const sections: Section[] = [
    {
      name: 'Unit',
      lines: [
        `Description=${DESCRIPTION.hub}`,
        ...(system ? ['Wants=network-online.target', 'After=network-online.target'] : []),
        'StartLimitIntervalSec=0',
      ],
    },
    {
      name: 'Service',
      lines: [
        'Type=notify',
        "# systemd-notify speaks for the hub, as the hub's child.",
        'NotifyAccess=all',
        `ExecStart=${words.join(' ')}`,
        ...(system ? userLines(plan) : []),
        `SyslogIdentifier=${plan.name}`,
        ...Object.entries(variables(plan)).map(
          ([name, value]) => `Environment=${setting(`${name}=${value}`)}`,
        ),
        `EnvironmentFile=-${serviceFiles(system ? 'systemd' : 'systemd-user', plan.name, plan.account.home).environment}`,
        ...(handsOver && plan.tls
          ? [
              '# Read by root at each start: after a renewal, restart the service.',
              `LoadCredential=tls-cert:${plan.tls.cert}`,
              `LoadCredential=tls-key:${plan.tls.key}`,
            ]
          : []),
        ...(system && plan.usualStateDir ? [`StateDirectory=${plan.name}`, 'StateDirectoryMode=0700'] : []),
        '',
        '# Machines that are connected come back by themselves, and send again what the hub had not confirmed.',
        'KillMode=mixed',
        `TimeoutStopSec=${plan.stopSeconds}`,
        'TimeoutStartSec=90',
        `WatchdogSec=${WATCHDOG_S}`,
        '# Without a core file: keys would be in it.',
        'WatchdogSignal=SIGKILL',
        'LimitCORE=0',
        'Restart=always',
        `RestartSec=${RESTART_S.first}`,
        ...(version >= 254
          ? [`RestartSteps=${RESTART_S.steps}`, `RestartMaxDelaySec=${RESTART_S.last}`]
          : []),
        `# ${CODES.refusedConfiguration}: it cannot start with this configuration.`,
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
  ...(dynamicUser ? ['# A user that there is for as long as the service runs.', 'DynamicUser=yes'] : []),
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
  '# Open: MemoryDenyWriteExecute, since JavaScript engines compile as they run.',
]

const systemHardening = ({ lowPort, usualStateDir, stateDir }: ServicePlan): string[] => [
  ...(lowPort
    ? [
        '# For a port below 1024, and nothing else.',
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
