import type { ServicePlan } from './plan.ts'

/**
 * Agents run arbitrary tools in this user's folders, so the unit forbids only operations that no such tool
 * needs. A comment in the unit gives the reason for each setting that is omitted. Settings that create a
 * private view of the system at each start, such as PrivateTmp, are unsuitable, because agents outlive the
 * daemon.
 */
const CALLS = [
  '# Deny system calls that change the machine itself.',
  'SystemCallFilter=~@clock @cpu-emulation @module @obsolete @raw-io @reboot @swap',
  'SystemCallErrorNumber=EPERM',
  '# Not set: MemoryDenyWriteExecute (JavaScript engines compile at run time), RestrictNamespaces and @mount',
  "# (agents' sandboxes use namespaces), @debug (debuggers), SystemCallArchitectures (32-bit tools),",
  '# RestrictSUIDSGID (git sets that bit in shared repositories).',
]

const COMMON = [
  'LockPersonality=yes',
  'RestrictRealtime=yes',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
  'KeyringMode=private',
  ...CALLS,
]

/**
 * Each of these settings alone implies NoNewPrivileges. To allow sudo, a drop-in must therefore undo all of
 * them.
 */
const sudo = (...further: string[]): string[] => [
  '# Agents cannot gain privileges, so sudo does not work for them. To allow it, put this in a drop-in file:',
  '#   [Service]',
  '#   NoNewPrivileges=no',
  '#   LockPersonality=no',
  '#   RestrictRealtime=no',
  '#   RestrictAddressFamilies=',
  '#   SystemCallFilter=',
  ...further.map((setting) => `#   ${setting}`),
  'NoNewPrivileges=yes',
]

/** Settings for a system unit that runs as an ordinary user. */
export const systemHardening = ({ installation }: ServicePlan): string[] => [
  ...sudo('ProtectKernelModules=no', 'CapabilityBoundingSet=~'),
  'CapabilityBoundingSet=',
  'AmbientCapabilities=',
  '# The system is read-only. ProtectHome and PrivateTmp are not set: agents work in /home, /srv, /opt, /var and /tmp.',
  'ProtectSystem=full',
  ...(/^\/(usr|etc|boot)\//.test(installation)
    ? ['# Updates are written here.', `ReadWritePaths=-${installation}`]
    : []),
  'ProtectKernelModules=yes',
  'ProtectProc=invisible',
  ...COMMON,
  '# ProtectKernelTunables and ProtectKernelLogs are not set: they mask parts of /proc, so that no sandbox could mount its',
  '# own /proc. Without capabilities, agents cannot change anything there anyway. ProcSubset is not set: tools read free',
  '# memory from /proc. PrivateDevices and ProtectClock are not set: they would hide graphics cards and /dev/kvm.',
  '# PrivateNetwork and IPAddressDeny are not set: agents need the network. ProtectControlGroups is not set: the daemon',
  '# makes control groups for its agents. Changing the control groups of other users requires privileges anyway.',
]

/**
 * Settings for a unit that runs as root. There are few, because hardening would hardly restrict root, but
 * would hinder agents.
 */
export const rootHardening: string[] = [
  '# Agents run as root, unless the policy names another user for them (isolation.agent_user). This unit does not',
  '# restrict what root can do. Prefer an ordinary user: `service install --user NAME`.',
  'RestrictRealtime=yes',
  'KeyringMode=private',
]

/**
 * Settings for a unit of a user's systemd. That systemd lacks the privileges for the other settings of
 * `systemHardening`.
 */
export const userHardening: string[] = [...sudo(), ...COMMON]
