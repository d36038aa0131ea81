import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { concealed } from '../config/key.ts'
import { readJson, setAside, writeAtomic } from '../platform/files.ts'
import { CommandError, type ResultOf, UpdateProgress } from '../protocol/index.ts'
import type { UpdateErrorCode } from './failure.ts'

/** A change-over that is prepared, under way or undone: all that is needed to finish or to revert it. */
export const Trial = z.object({
  /** Tells the stand-in of this trial from any other. */
  id: z.string(),
  /** `package`: the folder of an npm package. `prefix`: a folder with `versions/` and a link `current` to one of them. */
  layout: z.enum(['package', 'prefix']),
  root: z.string(),
  /** The program within a version's folder. */
  program: z.string(),
  /** The folder with the next version. */
  next: z.string(),
  /** The program of the version before: what runs meanwhile for everything but the start on trial. */
  previous: z.string(),
  /** Of a prefix: where `current` led before. Absent when it is used for the first time. */
  restore: z.optional(z.string()),
  /** What is run from now on, and what was run before. They differ when a prefix is used for the first time. */
  entry: z.string(),
  previous_entry: z.string(),
  /** The daemon's arguments behind the program, without the key. Versions up to 0.1.0 need them here. */
  args: z.array(z.string()),
  /** How long the new version may take until the server has accepted it. */
  confirm_ms: z.number(),
})
export type Trial = z.infer<typeof Trial>

/** `update.json` in the state folder: the last update, written before each of its stages. */
export const UpdateRecord = z.object({
  version: z.literal(1),
  command_id: z.string(),
  /** Who wants it: a server's command, somebody on this machine, a server that refused this version, or the schedule. */
  origin: z.enum(['server', 'local', 'refusal', 'schedule']),
  requested: z.string(),
  from: z.string(),
  to: z.optional(z.string()),
  stage: UpdateProgress.shape.stage,
  /** What there is to say of the stage. */
  message: z.optional(z.string()),
  /** How often it was begun: a daemon that ends meanwhile leaves it to the next. */
  attempts: z.int(),
  started_at: z.string(),
  finished_at: z.optional(z.string()),
  outcome: z.optional(z.enum(['succeeded', 'failed'])),
  error: z.optional(CommandError),
  /** What was no obstacle to the update, but should be known. */
  warnings: z.optional(z.array(z.string())),
  /** As the result says. */
  restart_strategy: z.enum(['self', 'supervisor_required']),
  mode: z.optional(z.enum(['global', 'user-prefix'])),
  path: z.optional(z.string()),
  trial: z.optional(Trial),
  /** Nothing is left to clean up or to tell. */
  settled: z.boolean(),
  /** A program that could not be replaced, by path and version: it hands over to `to` when it is started. */
  handover: z.optional(z.object({ from: z.string(), version: z.string(), to: z.string() })),
  /** Versions that failed here. They are not taken up again unless somebody orders them. */
  bad_versions: z.array(z.object({ version: z.string(), code: z.string(), at: z.string() })),
})
export type UpdateRecord = z.infer<typeof UpdateRecord>

/** What others may know of it: not where on this machine it was done, and how. */
export function publicRecord({ trial: _, version: _version, ...record }: UpdateRecord) {
  return record
}

export type UpdateResult = ResultOf<'daemon:update'>

/** The result of an update that has succeeded. */
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
/** One byte for each start of a version on trial. */
export const startsPath = (stateDir: string) => join(stateDir, 'update.starts')
/** How often a version on trial has started. */
export const startsOf = (stateDir: string): number =>
  statSync(startsPath(stateDir), { throwIfNoEntry: false })?.size ?? 0
/** What tells this daemon's start from that of any other command of the same installation. */
export const startPath = (stateDir: string) => join(stateDir, 'update.start')

/** @returns undefined where there is none, or one that is damaged */
export function peekRecord(stateDir: string): UpdateRecord | undefined {
  const read = readJson(recordPath(stateDir), UpdateRecord)
  return read.ok ? read.value : undefined
}

/** Whether a version is being tried, or was given up and has not been followed by the one before yet. */
export function isUnderWay(stateDir: string): boolean {
  const record = peekRecord(stateDir)
  return record?.trial !== undefined && !record.settled
}

/** @returns undefined where there is none; a damaged one is set aside */
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
 * A version up to 0.1.0 put the key on the disk where it was among the daemon's arguments, for its guard to read. Once
 * that update is over, nobody needs it there.
 */
function withoutKey(record: UpdateRecord): UpdateRecord {
  const { trial, settled } = record
  return trial && settled ? { ...record, trial: { ...trial, args: concealed(trial.args) } } : record
}

/** Takes out of the state folder what an update that is over left there: a key may be in it. */
export function clearAfter(stateDir: string, record: UpdateRecord) {
  for (const path of [startsPath(stateDir), startPath(stateDir)]) rmSync(path, { force: true })
  if (JSON.stringify(withoutKey(record)) !== JSON.stringify(record)) writeRecord(stateDir, record)
}

/** Remembered; older ones have been followed by newer ones by then. */
const BAD_VERSIONS = 20
/** Failures that the version brings along wherever it is tried. */
const ITS_OWN_FAULT: ReadonlySet<string> = new Set<UpdateErrorCode>([
  'update_unproven',
  'update_crashed',
  'update_hung',
  'update_not_accepted',
])

export const isItsFault = ({ code }: CommandError) => ITS_OWN_FAULT.has(code)

/** The record as it is when its update has failed. */
export function failedRecord(record: UpdateRecord, error: CommandError, at: string): UpdateRecord {
  const { handover, trial, to, bad_versions } = record
  const bad = to !== undefined && isItsFault(error)
  return {
    ...record,
    outcome: 'failed',
    error: { ...error, message: `${error.message} ${record.from} still runs.` },
    finished_at: at,
    // A prefix that was used for the first time is not there any more.
    handover: trial && trial.entry === handover?.to && trial.restore === undefined ? undefined : handover,
    bad_versions: bad
      ? [
          ...bad_versions.filter(({ version }) => version !== to),
          { version: to, code: error.code, at },
        ].slice(-BAD_VERSIONS)
      : bad_versions,
  }
}
