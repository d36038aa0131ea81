import { integer, number, type Reader } from './readers.ts'

/** How much a hub remembers of the commands that were answered. */
export interface CommandMemory {
  /** Maximum size of all outcomes, in bytes. The newest is kept whatever its size. */
  bytes: number
  /** Maximum age of an outcome, in milliseconds. */
  age_ms: number
}

/** What one machine may use of a hub that others use, too. */
export interface MachineLimits {
  /** Agents, those that are gone included. */
  agents: number
  /** Its agents' histories, in bytes. */
  history_bytes: number
  /** Activity of it that waits for the disk, in characters. */
  in_flight_bytes: number
}

/** How much of the audit log is kept. */
export interface AuditLimits {
  /** A file that is as long gets no further lines. */
  bytes: number
  /** Files that are kept. */
  files: number
}

export interface HubLimits {
  memory: CommandMemory
  machine: MachineLimits
  audit: AuditLimits
}

interface Setting {
  /** The flag of `hub`, with its unit. */
  flag: string
  /** What `--help` says of it. */
  help: string
  variable: string
  read: Reader<number>
  fallback: number
}

const MIB = 1024 * 1024
const DAY_MS = 24 * 60 * 60 * 1000
/** Beyond, an earlier hub could not read the file with the commands: it reads the whole file as one string. */
const MOST_KEPT_MIB = 128
const LEAST_DAYS = 0.01
const MOST_DAYS = 3650
const MOST = 1_000_000_000
/** Longest file of the audit log, and fewest files: the oldest goes as a whole. */
const AUDIT_FILE_BYTES = 4 * MIB
const AUDIT_FILES = 16

/** Each limit of a hub that its operator may set, by the name of its flag in commander's options. */
export const HUB_SETTINGS = {
  keepCommandsMb: {
    flag: '--keep-commands-mb <MiB>',
    help: 'MiB of outcomes of answered commands that it remembers',
    variable: 'FOMULAR_HUB_KEEP_COMMANDS_MB',
    read: integer(1, MOST_KEPT_MIB),
    fallback: 16,
  },
  keepCommandsDays: {
    flag: '--keep-commands-days <days>',
    help: 'days for which it remembers them',
    variable: 'FOMULAR_HUB_KEEP_COMMANDS_DAYS',
    read: number(LEAST_DAYS, MOST_DAYS),
    fallback: 30,
  },
  machineAgents: {
    flag: '--machine-agents <count>',
    help: 'most agents that it keeps of one machine, those that are gone included',
    variable: 'FOMULAR_HUB_MACHINE_AGENTS',
    read: integer(1, MOST),
    fallback: 10_000,
  },
  machineHistory: {
    flag: '--machine-history <MiB>',
    help: "most MiB of one machine's histories; more is not taken from it",
    variable: 'FOMULAR_HUB_MACHINE_HISTORY_MB',
    read: integer(1, MOST),
    fallback: 100 * 1024,
  },
  machineInFlight: {
    flag: '--machine-in-flight <MiB>',
    help: "most MiB of one machine's activity that may wait for the disk",
    variable: 'FOMULAR_HUB_MACHINE_IN_FLIGHT_MB',
    read: integer(1, MOST),
    fallback: 64,
  },
  auditMb: {
    flag: '--audit-mb <MiB>',
    help: 'MiB of its audit log that it keeps',
    variable: 'FOMULAR_HUB_AUDIT_MB',
    read: integer(1, MOST),
    fallback: 64,
  },
} as const satisfies Record<string, Setting>

type Name = keyof typeof HUB_SETTINGS

/** Flags of a hub, as they were given. */
export type HubLimitFlags = { [name in Name]?: string | undefined }

const entries = Object.entries(HUB_SETTINGS) as [Name, Setting][]

/** What flags and variables say of a limit. @throws UserError */
function given(
  [name, { flag, variable, read }]: [Name, Setting],
  flags: HubLimitFlags,
  env: NodeJS.ProcessEnv,
) {
  const value = flags[name]
  if (value !== undefined) return read(value, { name: flag.split(' ')[0]!, base: '' })
  return env[variable] ? read(env[variable], { name: variable, base: '' }) : undefined
}

/** What flags say, else their variables, else the defaults. @throws UserError */
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
 * The same as variables, for a hub that is started later; empty where the defaults do. An earlier version, which would
 * refuse the flags, passes over them.
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

/** Of all options, the flags that set limits of a hub. */
export const limitFlagsOf = (options: HubLimitFlags): HubLimitFlags =>
  Object.fromEntries(entries.map(([name]) => [name, options[name]]))
