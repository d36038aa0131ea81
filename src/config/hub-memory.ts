import { integer, number, type Reader } from './readers.ts'

/** How much a hub remembers of the commands that were answered. */
export interface CommandMemory {
  /** Maximum size of all outcomes, in bytes. The newest is kept whatever its size. */
  bytes: number
  /** Maximum age of an outcome, in milliseconds. */
  age_ms: number
}

/** Flags of a hub, as `--help` shows them. */
export interface MemoryFlags {
  keepCommandsMb?: string | undefined
  keepCommandsDays?: string | undefined
}

const SIZE = 'FOMULAR_HUB_KEEP_COMMANDS_MB'
const AGE = 'FOMULAR_HUB_KEEP_COMMANDS_DAYS'
const MIB = 1024 * 1024
const DAY_MS = 24 * 60 * 60 * 1000
/** Beyond, an earlier hub could not read the file with the commands: it reads the whole file as one string. */
const MOST_MIB = 128
const LEAST_DAYS = 0.01
const MOST_DAYS = 3650
const DEFAULT_MIB = 16
const DEFAULT_DAYS = 30

export const COMMAND_MEMORY: CommandMemory = { bytes: DEFAULT_MIB * MIB, age_ms: DEFAULT_DAYS * DAY_MS }

/** What flags and variables say of it. @throws UserError */
function given({ keepCommandsMb, keepCommandsDays }: MemoryFlags, env: NodeJS.ProcessEnv) {
  const setting = (flag: string, value: string | undefined, name: string, read: Reader<number>) => {
    if (value !== undefined) return read(value, { name: flag, base: '' })
    return env[name] ? read(env[name], { name, base: '' }) : undefined
  }
  const size = integer(1, MOST_MIB)
  const age = number(LEAST_DAYS, MOST_DAYS)
  return {
    mebibytes: setting('--keep-commands-mb', keepCommandsMb, SIZE, size),
    days: setting('--keep-commands-days', keepCommandsDays, AGE, age),
  }
}

/** What flags say, else `FOMULAR_HUB_KEEP_COMMANDS_MB` and `FOMULAR_HUB_KEEP_COMMANDS_DAYS`. @throws UserError */
export function commandMemory(flags: MemoryFlags, env: NodeJS.ProcessEnv): CommandMemory {
  const { mebibytes = DEFAULT_MIB, days = DEFAULT_DAYS } = given(flags, env)
  return { bytes: mebibytes * MIB, age_ms: days * DAY_MS }
}

/**
 * The same as variables, for a hub that is started later; empty where the defaults do. An earlier version, which would
 * refuse the flags, passes over them.
 * @throws UserError
 */
export function memoryVariables(flags: MemoryFlags, env: NodeJS.ProcessEnv): Record<string, string> {
  const { mebibytes, days } = given(flags, env)
  return {
    ...(mebibytes !== undefined && { [SIZE]: String(mebibytes) }),
    ...(days !== undefined && { [AGE]: String(days) }),
  }
}
