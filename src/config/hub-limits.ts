import { integer, number, type Reader } from './readers.ts'

/** Limits for the command outcomes that a hub remembers. */
export interface CommandMemory {
  /** Maximum size of all outcomes, in bytes. The newest outcome is always kept. */
  bytes: number
  /** Maximum age of an outcome, in milliseconds. */
  age_ms: number
}

/** Limits for each machine at a hub. */
export interface MachineLimits {
  /** Maximum number of agents, including removed ones. */
  agents: number
  /** Maximum size of the histories of the machine's agents, in bytes. */
  history_bytes: number
  /** Maximum length, in characters, of the machine's activity that waits for the disk. */
  in_flight_bytes: number
}

/** Limits of the audit log. */
export interface AuditLimits {
  /** Size at which a new file is started, in bytes. */
  bytes: number
  /** Number of files to keep. */
  files: number
}

export interface HubLimits {
  memory: CommandMemory
  machine: MachineLimits
  audit: AuditLimits
}

interface Setting {
  /** Flag of `hub`, with its unit. */
  flag: string
  /** Description in `--help`. */
  help: string
  variable: string
  read: Reader<number>
  fallback: number
}

const MIB = 1024 * 1024
const DAY_MS = 24 * 60 * 60 * 1000
/** Largest size that earlier hubs can read: they read the whole file with the commands into one string. */
const MOST_KEPT_MIB = 128
const LEAST_DAYS = 0.01
const MOST_DAYS = 3650
const MOST = 1_000_000_000
/**
 * Maximum size of an audit log file, in bytes, and minimum number of files. Several files are needed because
 * the log becomes shorter only when its oldest file is deleted.
 */
const AUDIT_FILE_BYTES = 4 * MIB
const AUDIT_FILES = 16

/**
 * Limits of a hub that its operator can set. Each limit has the name that its flag has in commander's
 * options.
 */
export const HUB_SETTINGS = {
  keepCommandsMb: {
    flag: '--keep-commands-mb <MiB>',
    help: 'maximum size of remembered command outcomes, in MiB',
    variable: 'FOMULAR_HUB_KEEP_COMMANDS_MB',
    read: integer(1, MOST_KEPT_MIB),
    fallback: 16,
  },
  keepCommandsDays: {
    flag: '--keep-commands-days <days>',
    help: 'days to remember command outcomes',
    variable: 'FOMULAR_HUB_KEEP_COMMANDS_DAYS',
    read: number(LEAST_DAYS, MOST_DAYS),
    fallback: 30,
  },
  machineAgents: {
    flag: '--machine-agents <count>',
    help: 'maximum number of agents to keep per machine, including removed agents',
    variable: 'FOMULAR_HUB_MACHINE_AGENTS',
    read: integer(1, MOST),
    fallback: 10_000,
  },
  machineHistory: {
    flag: '--machine-history <MiB>',
    help: 'maximum MiB of history per machine; the hub refuses further history',
    variable: 'FOMULAR_HUB_MACHINE_HISTORY_MB',
    read: integer(1, MOST),
    fallback: 100 * 1024,
  },
  machineInFlight: {
    flag: '--machine-in-flight <MiB>',
    help: 'maximum MiB of activity per machine that may wait for the disk',
    variable: 'FOMULAR_HUB_MACHINE_IN_FLIGHT_MB',
    read: integer(1, MOST),
    fallback: 64,
  },
  auditMb: {
    flag: '--audit-mb <MiB>',
    help: 'MiB of audit log to keep',
    variable: 'FOMULAR_HUB_AUDIT_MB',
    read: integer(1, MOST),
    fallback: 64,
  },
} as const satisfies Record<string, Setting>

type Name = keyof typeof HUB_SETTINGS

/** Flags of a hub on its command line. */
export type HubLimitFlags = { [name in Name]?: string | undefined }

const entries = Object.entries(HUB_SETTINGS) as [Name, Setting][]

/** Returns a limit from its flag or its variable; undefined if neither is set. @throws UserError */
function given(
  [name, { flag, variable, read }]: [Name, Setting],
  flags: HubLimitFlags,
  env: NodeJS.ProcessEnv,
) {
  const value = flags[name]
  if (value !== undefined) return read(value, { name: flag.split(' ')[0]!, base: '' })
  return env[variable] ? read(env[variable], { name: variable, base: '' }) : undefined
}

/** Returns the limits from flags, else variables, else defaults. @throws UserError */
export function hubLimits(flags: HubLimitFlags, env: NodeJS.ProcessEnv): HubLimits {
  const value = (name: Name) => {
    const setting: Setting = HUB_SETTINGS[name]
    return given([name, setting], flags, env) ?? setting.fallback
  }
  return {
    memory: { bytes: value('keepCommandsMb') * MIB, age_ms: value('keepCommandsDays') * DAY_MS },
    machine: {
      agents: value('machineAgents'),
      history_bytes: value('machineHistory') * MIB,
      in_flight_bytes: value('machineInFlight') * MIB,
    },
    audit: auditLimits(value('auditMb') * MIB),
  }
}

function auditLimits(total: number): AuditLimits {
  const bytes = Math.min(AUDIT_FILE_BYTES, total / AUDIT_FILES)
  return { bytes, files: Math.ceil(total / bytes) }
}

export const HUB_LIMITS = hubLimits({}, {})

/**
 * Returns the limits that are set, as variables for a hub that is started later. An earlier version ignores
 * unknown variables, but would refuse the flags.
 * @throws UserError
 */
export function limitVariables(flags: HubLimitFlags, env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    entries.flatMap((entry) => {
      const value = given(entry, flags, env)
      return value === undefined ? [] : [[entry[1].variable, String(value)]]
    }),
  )
}

/** Returns the options that set limits of a hub, from all options of a command. */
export const limitFlagsOf = (options: HubLimitFlags): HubLimitFlags =>
  Object.fromEntries(entries.map(([name]) => [name, options[name]]))
