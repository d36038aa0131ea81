import { chmodSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import gt from 'semver/functions/gt.js'
import valid from 'semver/functions/valid.js'
import * as z from 'zod/mini'
import { writeAtomic } from '../platform/files.ts'
import { FormatRecord, formatFile, noteJudged } from '../platform/format.ts'
import { faultsOf, foreignIn, type OwnershipFault, readOwnFile } from '../platform/ownership.ts'
import { VERSION } from '../platform/version.ts'
import { onceConfirmed } from './once-confirmed.ts'
import { foreignError } from './refuse-foreign.ts'

/**
 * `modes.json` in a state folder: paths that others could write to at the first start of a version with this
 * check.
 */
const ModesRecord = z.object({
  version: z.literal(1),
  by: z.string().check(z.refine((text) => valid(text) !== null)),
  open: z.array(z.string()),
})

const recordIn = (dir: string) => join(dir, 'modes.json')

/**
 * Maximum size of the record, in bytes: the record contains a path for each file and for each folder above
 * the file.
 */
const RECORD_BYTES = 1024 * 1024

/**
 * Returns the record. Ignores a record of another user: anyone who can write to the folder could put such a
 * record there.
 */
function readRecord(dir: string, user?: number) {
  try {
    return ModesRecord.parse(JSON.parse(readOwnFile(recordIn(dir), RECORD_BYTES, user)))
  } catch {
    return undefined
  }
}

/**
 * Reports whether only versions without this check have run here. A missing `modes.json` is no proof: anyone
 * who can write to the folder can delete it.
 */
function isUnjudged(dir: string, user?: number): boolean {
  try {
    return !FormatRecord.parse(JSON.parse(readOwnFile(formatFile(dir), RECORD_BYTES, user))).judged
  } catch {
    return false
  }
}

interface Options {
  faults: OwnershipFault[]
  noted?: () => OwnershipFault[]
  strict: boolean
  user?: number
}

interface Judged {
  /** Faults that only cause a warning. */
  tolerated: OwnershipFault[]
  refused: OwnershipFault[]
  /** Paths to record. Undefined if this version or an earlier version has already recorded them. */
  open: string[] | undefined
}

/**
 * Checks what others can do to a state folder and the files that belong to it. The first version with this
 * check tolerates modes in this folder that earlier versions tolerated. The next version refuses these modes.
 * @param faults faults of files outside the folder
 * @param noted returns faults of files that are checked at another time; the first check also records the
 * modes of these files
 */
export function judgeFolder(dir: string, { faults, noted = () => [], strict, user }: Options): Judged {
  // If a path has several faults, the last one counts. For a hub's certificate, which may belong to another
  // user, the milder fault in `faults` therefore replaces the fault from `foreignIn`.
  const all = [...foreignIn(dir, user), ...faults, ...faultsOf(dir, user)]
  const unique = [...new Map(all.map((fault) => [fault.path, fault])).values()]
  const record = readRecord(dir, user)
  const modes = unique.filter(({ kind }) => kind === 'mode').map(({ path }) => path)
  const isFirst = !record && isUnjudged(dir, user)
  const first = record ? undefined : isFirst ? modes : []
  const lasting = record && !gt(VERSION, record.by) ? record.open : (first ?? [])
  const tolerates = ({ kind, path }: OwnershipFault) => !strict || (kind === 'mode' && lasting.includes(path))
  const refused = unique.filter((fault) => !tolerates(fault))
  // Nothing in a refused folder is read.
  const others = isFirst && refused.length === 0 ? noted().filter(({ kind }) => kind === 'mode') : []
  return {
    tolerated: unique.filter(tolerates),
    refused,
    // The record of a later version is not extended.
    open:
      record && gt(record.by, VERSION) ? record.open : first && [...first, ...others.map(({ path }) => path)],
  }
}

/**
 * Refuses a state folder that others can change.
 * @returns warnings, and a function that records the tolerated modes once this
 * program may write to the folder
 * @throws UserError
 */
export function checkFolder(dir: string, options: Options) {
  claimEmpty(dir)
  const { tolerated, refused, open } = judgeFolder(dir, options)
  const [fault] = refused
  if (fault) throw foreignError(fault)
  return {
    warnings: tolerated.map((fault) => warningOf(fault, options.strict)),
    remember() {
      // A version that is rolled back does not count as the first version with this check.
      onceConfirmed(() => {
        try {
          if (open) writeAtomic(recordIn(dir), JSON.stringify({ version: 1, by: VERSION, open }))
          noteJudged(dir)
        } catch {
          // The disk is full. The next start then counts as the first start of a version with this check.
        }
      })
    },
  }
}

/** Makes an empty folder of this user private: a new volume of a container is often open to everyone. */
function claimEmpty(dir: string) {
  const stat = statSync(dir, { throwIfNoEntry: false })
  if (!stat?.isDirectory() || stat.uid !== process.geteuid?.() || (stat.mode & 0o022) === 0) return
  const isEmpty = () => readdirSync(dir).length === 0
  // A sticky folder is for the files of other users, too.
  if ((stat.mode & 0o1000) !== 0 || !isEmpty()) return
  chmodSync(dir, 0o700)
  if (!isEmpty()) chmodSync(dir, stat.mode & 0o777)
}

const warningOf = ({ message, remedy }: OwnershipFault, strict: boolean) =>
  `${message}${strict ? '; the next version will refuse this' : ''}: ${remedy}`
