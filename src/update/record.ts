import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { concealed } from '../config/key.ts'
import { readJson, setAside, writeAtomic } from '../platform/files.ts'
import { CommandError, type ResultOf, UpdateProgress } from '../protocol/index.ts'
import type { UpdateErrorCode } from './failure.ts'

/** A switch to another version, with everything that is needed to finish or to revert it. */
export const Trial = z.object({
  /** Identifies the stand-in for this trial. */
  id: z.string(),
  /** `package`: the folder of an npm package. `prefix`: a folder with `versions/` and a link `current` to one of them. */
  layout: z.enum(['package', 'prefix']),
  root: z.string(),
  /** Path of the program within a version's folder. */
  program: z.string(),
  /** Folder of the staged version. Other code calls it `nextDir`. */
  next: z.string(),
  /**
   * Path of the previous version's program. During the trial, every start runs this program, except a start
   * of the updated daemon.
   */
  previous: z.string(),
  /** Previous target of the link `current` in a prefix. Absent if the prefix is used for the first time. */
  restore: z.optional(z.string()),
  /** The new command, and the previous command. They differ if a prefix is used for the first time. */
  entry: z.string(),
  previous_entry: z.string(),
  /**
   * The daemon's arguments after the program, without the key. Versions up to 0.1.0 read them from this
   * record.
   */
  args: z.array(z.string()),
  /** Time limit for the server to accept the new version, in milliseconds. */
  confirm_ms: z.number(),
})
export type Trial = z.infer<typeof Trial>

/** Content of `update.json` in the state folder: the last update. The file is written before each stage. */
export const UpdateRecord = z.object({
  version: z.literal(1),
  command_id: z.string(),
  /**
   * Origin of the update: a server's command, a person on this machine, a server's refusal, or the schedule.
   */
  origin: z.enum(['server', 'local', 'refusal', 'schedule']),
  /** A version or a dist-tag. */
  requested: z.string(),
  /** The version that was running when the update began. */
  from: z.string(),
  /** The resolved version. */
  to: z.optional(z.string()),
  stage: UpdateProgress.shape.stage,
  /** Details of the stage. */
  message: z.optional(z.string()),
  /** Number of attempts. If a daemon ends during an update, the next daemon makes another attempt. */
  attempts: z.int(),
  started_at: z.string(),
  finished_at: z.optional(z.string()),
  outcome: z.optional(z.enum(['succeeded', 'failed'])),
  error: z.optional(CommandError),
  /** Problems that did not stop the update. */
  warnings: z.optional(z.array(z.string())),
  /** The restart strategy that the result of the update contains. */
  restart_strategy: z.enum(['self', 'supervisor_required']),
  mode: z.optional(z.enum(['global', 'user-prefix'])),
  path: z.optional(z.string()),
  trial: z.optional(Trial),
  /** True if nothing is left to clean up or to report. */
  settled: z.boolean(),
  /**
   * Path and version of a program that could not be replaced. When this program is started, it starts the
   * program at `to` instead of itself.
   */
  handover: z.optional(z.object({ from: z.string(), version: z.string(), to: z.string() })),
  /** Versions that failed on this machine. They are retried only on request. */
  bad_versions: z.array(z.object({ version: z.string(), code: z.string(), at: z.string() })),
})
export type UpdateRecord = z.infer<typeof UpdateRecord>

/**
 * Returns the record of an update that begins.
 * @param before record of the last update, which may be an earlier attempt at the same update
 */
export function newRecord(
  { command_id, origin, requested }: Pick<UpdateRecord, 'command_id' | 'origin' | 'requested'>,
  { running, supervised, at }: { running: string; supervised: boolean; at: string },
  before: UpdateRecord | undefined,
): UpdateRecord {
  const again = before?.command_id === command_id ? before : undefined
  return {
    version: 1,
    command_id,
    origin,
    requested,
    from: running,
    stage: 'resolve',
    attempts: (again?.attempts ?? 0) + 1,
    started_at: again?.started_at ?? at,
    restart_strategy: supervised ? 'supervisor_required' : 'self',
    settled: false,
    ...(before?.handover && { handover: before.handover }),
    bad_versions: before?.bad_versions ?? [],
  }
}

/** Returns the public part of the record, without the paths and arguments of the trial. */
export function publicRecord({ trial: _, version: _version, ...record }: UpdateRecord) {
  return record
}

export type UpdateResult = ResultOf<'daemon:update'>

/** Returns the result of a successful update. */
export const resultOf = ({
  mode = 'global',
  restart_strategy,
  from,
  to = from,
  path,
  started_at,
  finished_at = started_at,
}: UpdateRecord): UpdateResult => ({
  mode,
  restart_strategy,
  from_version: from,
  to_version: to,
  ...(path !== undefined && { path }),
  duration_ms: Date.parse(finished_at) - Date.parse(started_at),
})

const recordPath = (stateDir: string) => join(stateDir, 'update.json')
/** Returns the path of a file with one byte for each start of a version on trial. */
export const startsPath = (stateDir: string) => join(stateDir, 'update.starts')
/** Returns the number of starts of a version on trial. */
export const startsOf = (stateDir: string): number =>
  statSync(startsPath(stateDir), { throwIfNoEntry: false })?.size ?? 0
/**
 * Returns the path of the file that distinguishes a start of this daemon from other commands of the
 * installation.
 */
export const startPath = (stateDir: string) => join(stateDir, 'update.start')

/** @returns the record; undefined if it is missing or damaged */
export function peekRecord(stateDir: string): UpdateRecord | undefined {
  const read = readJson(recordPath(stateDir), UpdateRecord)
  return read.ok ? read.value : undefined
}

/**
 * Reports whether a version is on trial, or has failed and must still be replaced by the previous version.
 */
export function isUnderWay(stateDir: string): boolean {
  const record = peekRecord(stateDir)
  return record?.trial !== undefined && !record.settled
}

/** Reads the record. Moves a damaged record aside. @returns undefined if the record is missing or damaged */
export function readRecord(stateDir: string): UpdateRecord | undefined {
  const path = recordPath(stateDir)
  const read = readJson(path, UpdateRecord)
  if (read.ok) return read.value
  if (read.reason === 'damaged') setAside(path)
  return undefined
}

export function writeRecord(stateDir: string, record: UpdateRecord) {
  writeAtomic(recordPath(stateDir), JSON.stringify(withoutKey(record)), { durable: true })
}

/**
 * Removes the key from the record of a finished update. Versions up to 0.1.0 recorded a key in the daemon's
 * arguments for their guard; once the update is finished, the guard no longer needs the key.
 */
function withoutKey(record: UpdateRecord): UpdateRecord {
  const { trial, settled } = record
  return trial && settled ? { ...record, trial: { ...trial, args: concealed(trial.args) } } : record
}

/** Removes the files of a finished update from the state folder, because they may contain a key. */
export function clearAfter(stateDir: string, record: UpdateRecord) {
  for (const path of [startsPath(stateDir), startPath(stateDir)]) rmSync(path, { force: true })
  if (JSON.stringify(withoutKey(record)) !== JSON.stringify(record)) writeRecord(stateDir, record)
}

/** Maximum number of failed versions to remember. Older failed versions are no longer relevant. */
const BAD_VERSIONS = 20
/** Codes of failures that the version itself causes, on any machine. */
const ITS_OWN_FAULT: ReadonlySet<string> = new Set<UpdateErrorCode>([
  'update_unproven',
  'update_crashed',
  'update_hung',
  'update_not_accepted',
])

export const isItsFault = ({ code }: CommandError) => ITS_OWN_FAULT.has(code)

/** Returns the record of an update after a failure. */
export function failedRecord(record: UpdateRecord, error: CommandError, at: string): UpdateRecord {
  const { handover, trial, to, bad_versions } = record
  const bad = to !== undefined && isItsFault(error)
  return {
    ...record,
    outcome: 'failed',
    error: { ...error, message: `${error.message} ${record.from} still runs.` },
    finished_at: at,
    // The prefix is no longer in use if this update was the first to use it.
    handover: trial && trial.entry === handover?.to && trial.restore === undefined ? undefined : handover,
    bad_versions: bad
      ? [
          ...bad_versions.filter(({ version }) => version !== to),
          { version: to, code: error.code, at },
        ].slice(-BAD_VERSIONS)
      : bad_versions,
  }
}
