import type { ServicePlan } from './plan.ts'

/**
 * Agents run whatever tools their work needs, in folders of this user. What is closed is what no such tool needs; what is
 * open says why, as a comment in the unit. Settings that give each start a view of the machine of its own (a private
 * /tmp) are out: agents live longer than a start.
 */
const CALLS = [
  '# Calls that change the machine itself.',
  'SystemCallFilter=~@clock @cpu-emulation @module @obsolete @raw-io @reboot @swap',
  'SystemCallErrorNumber=EPERM',
  '# Open, with their reasons: MemoryDenyWriteExecute (JavaScript engines compile as they run), RestrictNamespaces and',
  "# @mount (agents' sandboxes are made of namespaces), @debug (debuggers), SystemCallArchitectures (32-bit tools),",
  '# RestrictSUIDSGID (git sets that bit in shared repositories).',
]

const COMMON = [
  'LockPersonality=yes',
  'RestrictRealtime=yes',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
  'KeyringMode=private',
  ...CALLS,
]

/** All of these, on their own, take away the way to more rights: whoever wants sudo has to undo each. */
const sudo = (...further: string[]): string[] => [
  '# No way to more rights than the user has: sudo does not work for agents. To allow it, in a file of your own:',
  '#   [Service]',
  '#   NoNewPrivileges=no',
  '#   LockPersonality=no',
  '#   RestrictRealtime=no',
  '#   RestrictAddressFamilies=',
  '#   SystemCallFilter=',
  ...further.map((setting) => `#   ${setting}`),
  'NoNewPrivileges=yes',
]

/** For a system unit that runs as an ordinary user. */
export const systemHardening = ({ installation }: ServicePlan): string[] => [
  ...sudo('ProtectKernelModules=no', 'CapabilityBoundingSet=~'),
  'CapabilityBoundingSet=',
  'AmbientCapabilities=',
  '# The system is read-only; /home, /srv, /opt, /var and /tmp are where agents work (ProtectHome, PrivateTmp: open).',
  'ProtectSystem=full',
  ...(/^\/(usr|etc|boot)\//.test(installation)
    ? ['# Updates are written here.', `ReadWritePaths=-${installation}`]
    : []),
  'ProtectKernelModules=yes',
  'ProtectControlGroups=yes',
  'ProtectProc=invisible',
  ...COMMON,
  '# ProtectKernelTunables, ProtectKernelLogs: open, since with a part of /proc masked no sandbox can have a /proc of its',
  '# own; without capabilities there is nothing to change in it. ProcSubset: open, how much memory is left is there.',
  '# PrivateDevices, ProtectClock: open, since they take away graphics cards and /dev/kvm. PrivateNetwork, IPAddressDeny:',
  '# open, agents need the network.',
]

/** For one that runs as root, as it was asked for: little can be kept from it, and half of it would only be in the way. */
export const rootHardening: string[] = [
  '# Agents are root here, and nothing in this unit keeps them from anything that root can do. Better: an ordinary user,',
  '# `service install --user NAME`.',
  'RestrictRealtime=yes',
  'KeyringMode=private',
]

/** For a unit of the user's own systemd, which has no right to the rest: see the system unit. */
export const userHardening: string[] = [...sudo(), ...COMMON]
