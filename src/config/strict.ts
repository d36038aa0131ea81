import { chmodSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import gt from 'semver/functions/gt.js'
import valid from 'semver/functions/valid.js'
import * as z from 'zod/mini'
import { UserError } from '../platform/errors.ts'
import { writeAtomic } from '../platform/files.ts'
import { FormatRecord, formatFile, noteJudged } from '../platform/format.ts'
import { type Fault, faultsOf, foreignIn, readOwnFile } from '../platform/ours.ts'
import { VERSION } from '../platform/version.ts'
import { onceKept } from './on-trial.ts'

/** The way back for machines whose owners and modes are not this user's to change, as in some containers. */
const WAY_BACK =
  'Where all users who can do that are trusted, as in a container of its own, set FOMULAR_STRICT_MODES=false.'

/** What to do about it, as a sentence. */
export const remedyOf = ({ kind, within, remedy }: Fault) =>
  kind === 'owner'
    ? within
      ? `If this program made it as that user, run ${remedy}. If not, delete it.`
      : // A folder above may be somebody's home.
        `Use another, or change its owner where nobody else needs it: ${remedy}.`
    : `Run ${remedy} or use another.`

/** Why a file or folder is not used: others can change it. */
export const notOurs = (fault: Fault) =>
  new UserError('not_ours', `${fault.message}: it decides what this program runs.`, {
    remedy: `${remedyOf(fault)} ${WAY_BACK}`,
    exitCode: 2,
  })

/** @throws UserError where another user owns what decides what this program runs */
export function refuseForeign(faults: Fault[], strict: boolean) {
  const foreign = faults.find(({ kind }) => kind === 'owner')
  if (strict && foreign) throw notOurs(foreign)
}

/** `modes.json` in a state folder: what others could write to when a version that looks at it first ran here. */
const ModesRecord = z.object({
  version: z.literal(1),
  by: z.string().check(z.refine((text) => valid(text) !== null)),
  open: z.array(z.string()),
})

const recordIn = (dir: string) => join(dir, 'modes.json')

/** Size limit of the record, in bytes: a path for each file and each folder above. */
const RECORD_BYTES = 1024 * 1024

/** Another user's record is none: whoever can write to the folder could put one there. */
function readRecord(dir: string, user?: number) {
  try {
    return ModesRecord.parse(JSON.parse(readOwnFile(recordIn(dir), RECORD_BYTES, user)))
  } catch {
    return undefined
  }
}

/**
 * Whether versions before have run here, and none that looks. `modes.json` alone does not tell: whoever can write to the
 * folder can delete it.
 */
function isUnjudged(dir: string, user?: number): boolean {
  try {
    return !FormatRecord.parse(JSON.parse(readOwnFile(formatFile(dir), RECORD_BYTES, user))).judged
  } catch {
    return false
  }
}

interface Options {
  faults: Fault[]
  noted?: () => Fault[]
  strict: boolean
  user?: number
}

interface Judged {
  /** Faults that are only warned of. */
  tolerated: Fault[]
  refused: Fault[]
  /** To be written down, where nothing has been yet, or only by a later version. */
  open: string[] | undefined
}

/**
 * Judges what others can do to a state folder and to what belongs to it. A version that is the first to look tolerates
 * modes with which versions before it have run here; the version after it does not.
 * @param faults of files outside the folder
 * @param noted returns faults that are judged at another time: a first look writes their modes down with the others
 */
export function judge(dir: string, { faults, noted = () => [], strict, user }: Options): Judged {
  // Of one path, what is told last counts: certificates in a hub's folder may be another user's.
  const all = [...foreignIn(dir, user), ...faults, ...faultsOf(dir, user)]
  const unique = [...new Map(all.map((fault) => [fault.path, fault])).values()]
  const record = readRecord(dir, user)
  const modes = unique.filter(({ kind }) => kind === 'mode').map(({ path }) => path)
  const isFirst = !record && isUnjudged(dir, user)
  const first = record ? undefined : isFirst ? modes : []
  const lasting = record && !gt(VERSION, record.by) ? record.open : (first ?? [])
  const tolerates = ({ kind, path }: Fault) => !strict || (kind === 'mode' && lasting.includes(path))
  const refused = unique.filter((fault) => !tolerates(fault))
  // In a folder that is refused, nothing is read.
  const others = isFirst && refused.length === 0 ? noted().filter(({ kind }) => kind === 'mode') : []
  return {
    tolerated: unique.filter(tolerates),
    refused,
    // A later version than this one does not extend what it has tolerated.
    open:
      record && gt(record.by, VERSION) ? record.open : first && [...first, ...others.map(({ path }) => path)],
  }
}

/**
 * Refuses a state folder that others can change.
 * @returns warnings, and a function that writes down what was tolerated once the folder is this program's to write to
 * @throws UserError
 */
export function checkGround(dir: string, options: Options) {
  claimEmpty(dir)
  const { tolerated, refused, open } = judge(dir, options)
  const [fault] = refused
  if (fault) throw notOurs(fault)
  return {
    warnings: tolerated.map((fault) => warningOf(fault, options.strict)),
    remember() {
      // A version that is rolled back was not the first.
      onceKept(() => {
        try {
          if (open) writeAtomic(recordIn(dir), JSON.stringify({ version: 1, by: VERSION, open }))
          noteJudged(dir)
        } catch {
          // On a full disk, the next start is the first.
        }
      })
    },
  }
}

/** Makes an empty folder of this user's private: a new volume of a container is often open to everybody. */
function claimEmpty(dir: string) {
  const stat = statSync(dir, { throwIfNoEntry: false })
  if (!stat?.isDirectory() || stat.uid !== process.geteuid?.() || (stat.mode & 0o022) === 0) return
  const isEmpty = () => readdirSync(dir).length === 0
  // Others keep their files in a sticky folder.
  if ((stat.mode & 0o1000) !== 0 || !isEmpty()) return
  chmodSync(dir, 0o700)
  if (!isEmpty()) chmodSync(dir, stat.mode & 0o777)
}

const warningOf = ({ message, remedy }: Fault, strict: boolean) =>
  `${message}${strict ? '; the next version refuses that' : ''}: ${remedy}`

/** Whether files that others can change are refused, as the environment says. */
export const strictByEnvironment = (env: NodeJS.ProcessEnv) =>
  !['false', '0'].includes(env.FOMULAR_STRICT_MODES ?? '')
