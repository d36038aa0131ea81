import type { ChangedFile, Hunk } from '../protocol/index.ts'
import type { Entry } from './entries.ts'
import { compare, isBinary } from './hunks.ts'
import type { Found } from './inside.ts'
import { CONTENT_BYTES, type Content } from './objects.ts'
import { type Place, shownPath } from './place.ts'

const LINK = '120000'
const SUBMODULE = '160000'

/** Texts of a file before and after its change. */
export interface Texts {
  before: string
  after: string
}

export interface ChangedFileOptions {
  place: Place
  /** Content of the entry's object in git, if it has one. */
  content: Content | undefined
  /** Removes secrets from texts. */
  redacted(texts: Texts): Texts
}

/** A change of a file, without its hunks' division into pages. @returns undefined if the file is the same */
export async function changedFile(
  entry: Entry,
  options: ChangedFileOptions,
): Promise<ChangedFile | undefined> {
  const { place, content } = options
  const { before } = entry
  const about = {
    folder: entry.at,
    path: shownPath(entry.path),
    ...(entry.from !== undefined && { old_path: shownPath(entry.from) }),
    hunks: [],
  }
  if (before?.mode === SUBMODULE || entry.mode === SUBMODULE)
    return { ...about, change: changeOf(entry, entry.mode !== undefined), kind: 'submodule' }
  const found = place.read(entry.path, CONTENT_BYTES)
  if (found === 'forbidden') return { ...about, change: changeOf(entry, true), omitted: 'unreadable' }
  const now = found?.kind === 'other' ? undefined : found
  if (!now && !before) return undefined
  const mode = now && (entry.mode ?? place.modeOf(now))
  const old = before && ('id' in before ? (content ?? 'missing') : (before.content ?? 'unknown'))
  const modes = before && mode !== undefined && before.mode !== mode && { old_mode: before.mode, mode }
  const stamp = before && 'stamp' in before ? before.stamp : undefined
  const isUntouched = stamp !== undefined && stamp === now?.stamp
  const isSame = isUntouched || (Buffer.isBuffer(old) && now?.content?.equals(old) === true)
  if (isSame && !modes && entry.from === undefined) return undefined
  const file = {
    ...about,
    change: changeOf(entry, now !== undefined),
    ...((mode ?? before?.mode) === LINK && { kind: 'link' }),
    ...modes,
  }
  return isSame ? { ...file, added: 0, removed: 0 } : { ...file, ...(await linesOf(old, now, options)) }
}

function changeOf({ before, from, isUntracked }: Entry, isThere: boolean): string {
  if (!isThere) return 'deleted'
  if (before) return from === undefined ? 'modified' : 'renamed'
  return isUntracked ? 'untracked' : 'added'
}

type Lines = Pick<ChangedFile, 'added' | 'removed' | 'binary' | 'omitted'> & { hunks: Hunk[] }

async function linesOf(
  old: Content | 'unknown' | undefined,
  now: Found | undefined,
  { place, redacted }: ChangedFileOptions,
): Promise<Lines> {
  const none = (omitted: string) => ({ hunks: [], omitted })
  if (old === 'unknown') return none('start_unknown')
  if (old === 'missing') return none('unreadable')
  if (old === 'too_large' || (now && !now.content)) return none('too_large')
  const [before, after] = [old ?? Buffer.alloc(0), now?.content ?? Buffer.alloc(0)]
  if (isBinary(before) || isBinary(after)) return { hunks: [], binary: true }
  // Remove secrets before the comparison, because a hunk may contain only a part of a secret.
  const texts = redacted({ before: before.toString(), after: after.toString() })
  return (await compare(texts.before, texts.after, place.user)) ?? none('too_different')
}
