import { join } from 'node:path'
import * as z from 'zod/mini'
import { readJson, setAside, writeAtomic } from '../platform/files.ts'
import { CommandError, UpdateProgress } from '../protocol/index.ts'
import type { UpdateErrorCode } from './failure.ts'

/** A change-over that is prepared, under way or undone: all that is needed to finish or to revert it. */
export const Trial = z.object({
  mode: z.enum(['global', 'user-prefix']),
  /** The folder whose program is run: the npm package's own, or the prefix with `versions/` and `current`. */
  root: z.string(),
  /** The program within a version's folder. */
  program: z.string(),
  /** Folders with the two versions. The previous one is not in the prefix when that is used for the first time. */
  previous: z.string(),
  next: z.string(),
  /** What is run from now on, and what was run before. They differ when the prefix is used for the first time. */
  entry: z.string(),
  previous_entry: z.string(),
  /** The daemon's arguments behind the program: what tells its start from that of any other command. */
  args: z.array(z.string()),
  /** How long the new version may take until the server has accepted it. */
  confirm_ms: z.number(),
})
export type Trial = z.infer<typeof Trial>

/** `update.json` in the state folder: the last update, written before each of its stages. */
export const UpdateRecord = z.object({
  version: z.literal(1),
  command_id: z.string(),
  /** Who wants it: a server's command, somebody on this machine, or a server that refused this version. */
  origin: z.enum(['server', 'local', 'refusal']),
  requested: z.string(),
  from: z.string(),
  to: z.optional(z.string()),
  stage: UpdateProgress.shape.stage,
  /** How often it was begun: a daemon that ends meanwhile leaves it to the next. */
  attempts: z.int(),
  started_at: z.string(),
  finished_at: z.optional(z.string()),
  outcome: z.optional(z.enum(['succeeded', 'failed'])),
  error: z.optional(CommandError),
  /** As the result says. */
  restart_strategy: z.enum(['self', 'supervisor_required']),
  trial: z.optional(Trial),
  /** The change-over left nothing to clean up. */
  settled: z.boolean(),
  /** The program, not writable, that hands over to the entry of the user's prefix when it is started. */
  handover: z.optional(z.object({ from: z.string(), to: z.string() })),
  /** Versions that failed here. They are not taken up again unless somebody orders them. */
  bad_versions: z.array(z.object({ version: z.string(), code: z.string(), at: z.string() })),
})
export type UpdateRecord = z.infer<typeof UpdateRecord>

export const recordPath = (stateDir: string) => join(stateDir, 'update.json')
/** One byte for each start of a version on trial. */
export const startsPath = (stateDir: string) => join(stateDir, 'update.starts')

/** @returns undefined where there is none; a damaged one is set aside */
export function readRecord(stateDir: string): UpdateRecord | undefined {
  const path = recordPath(stateDir)
  const read = readJson(path, UpdateRecord)
  if (read.ok) return read.value
  if (read.reason === 'damaged') setAside(path)
  return undefined
}

export function writeRecord(stateDir: string, record: UpdateRecord) {
  writeAtomic(recordPath(stateDir), JSON.stringify(record), { durable: true })
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

/** The record as it is when its update has failed. */
export const failedRecord = (record: UpdateRecord, error: CommandError, at: string): UpdateRecord => ({
  ...record,
  outcome: 'failed',
  error,
  finished_at: at,
  // The prefix that was used for the first time is not there any more.
  handover: record.trial && record.trial.entry !== record.trial.previous_entry ? undefined : record.handover,
  bad_versions:
    record.to === undefined || !ITS_OWN_FAULT.has(error.code)
      ? record.bad_versions
      : [
          ...record.bad_versions.filter(({ version }) => version !== record.to),
          { version: record.to, code: error.code, at },
        ].slice(-BAD_VERSIONS),
})
