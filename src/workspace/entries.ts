import { WorkspaceFailure } from './failure.ts'
import { type Place, rawPath } from './place.ts'
import { type PlainRepository, plainRepository } from './plain-repository.ts'
import { findRepository, headOf, type Repository } from './repository.ts'
import type { StartFile, StartRecord } from './start-record.ts'
import { type Difference, differences } from './status.ts'

/** A file before it was changed. */
type Before =
  | { mode: string; id: string }
  /** The content at the agent's start; if it is not known, the file's stamp. */
  | { mode: string; content: Buffer | undefined; stamp?: string | undefined }

/** A file that may have changed. */
export interface Entry {
  /** Position of the folder. */
  at: number
  /** Path in the folder, with one character per byte. */
  path: string
  /** Earlier path, in the folder. */
  from?: string
  /** Absent if there was no such file. */
  before?: Before
  /** Mode in the working tree, if git has reported it. */
  mode?: string
  isUntracked?: true
}

/** Changes of a folder. */
export interface FolderChanges {
  place: Place
  commit?: string
  problem?: string
  plain?: PlainRepository
  entries: Entry[]
}

export interface EntriesOptions {
  /** State of the folders at the agent's start; undefined to compare with the commit that is checked out. */
  start?: StartRecord
  /** Only files with these paths, and files below them; undefined for all. */
  paths?: readonly string[]
}

const NO_REPOSITORY = 'is not in a git repository'
const ELSEWHERE = 'names a git repository that belongs to another folder'

/**
 * Lists the files of folders that may have changed, in order. The caller closes the repositories.
 * @throws WorkspaceFailure if no folder is in a repository
 */
export async function entriesOf(places: readonly Place[], options: EntriesOptions): Promise<FolderChanges[]> {
  const all: FolderChanges[] = []
  try {
    for (const [at, place] of places.entries()) all.push(await entriesIn(place, at, options))
  } catch (error) {
    closeAll(all)
    throw error
  }
  const [first] = all
  if (first && all.every(({ plain }) => !plain)) {
    closeAll(all)
    throw new WorkspaceFailure(
      options.start && first.problem === NO_RECORD ? 'start_unknown' : 'not_a_repository',
      `The folder ${first.place.named} ${first.problem}.`,
      'Changes are known only in git repositories: run `git init` and commit the files.',
    )
  }
  return all
}

export const closeAll = (all: readonly FolderChanges[]) => {
  for (const { plain } of all) plain?.close()
}

const NO_RECORD = 'was not in a git repository when the agent started'

async function entriesIn(place: Place, at: number, { start, paths }: EntriesOptions): Promise<FolderChanges> {
  const repository = findRepository(place.folder.real)
  if (repository === undefined) return { place, problem: NO_REPOSITORY, entries: [] }
  if (repository === 'elsewhere') return { place, problem: ELSEWHERE, entries: [] }
  const recorded = start?.folders.find(({ path }) => path === place.folder.real)
  if (start && !recorded) return { place, problem: NO_RECORD, entries: [] }
  const commit = recorded ? recorded.commit : await headOf(repository, place.user)
  const plain = await plainRepository(repository, place.user, commit)
  try {
    const entries = merged(await listed(place, repository, { at, plain, paths }), {
      at,
      files: recorded?.files.filter(({ path }) => isNamed(path, paths)) ?? [],
    })
    return {
      place,
      plain,
      entries: entries.filter(({ path }) => !place.isHidden(path)),
      ...(commit !== undefined && { commit }),
      ...(recorded?.is_partial && {
        problem:
          'had more changed files at the start of the agent than were recorded, so some of them count as changed',
      }),
    }
  } catch (error) {
    plain.close()
    throw error
  }
}

async function listed(
  place: Place,
  repository: Repository,
  { at, plain, paths }: { at: number; plain: PlainRepository; paths: readonly string[] | undefined },
): Promise<Entry[]> {
  const prefix = place.prefixIn(repository)
  const wanted =
    paths?.map((path) => (prefix === '' ? path : `${prefix}/${path}`)) ?? [prefix].filter(Boolean)
  const all = await differences(plain, place.user, wanted)
  return all.flatMap((difference) => entryOf(difference, place, { at, prefix }))
}

function entryOf(
  { path, from, old, ...rest }: Difference,
  place: Place,
  { at, prefix }: { at: number; prefix: string },
): Entry[] {
  const inner = place.inner(path, prefix)
  if (inner === undefined) return []
  const before = from === undefined ? undefined : place.inner(from, prefix)
  // The earlier path of a file from outside of the folder is not shown, and neither is its content.
  if (from !== undefined && before === undefined) return [{ at, path: inner, ...rest }]
  return [
    { at, path: inner, ...rest, ...(before !== undefined && { from: before }), ...(old && { before: old }) },
  ]
}

/** Replaces the commit's files with the files that were recorded at the agent's start. */
function merged(entries: readonly Entry[], { at, files }: { at: number; files: readonly StartFile[] }) {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]))
  for (const { path, mode, content, stamp } of files) {
    const { before: _, from: _from, isUntracked: _untracked, ...known } = byPath.get(path) ?? { at, path }
    const decoded = content === undefined ? undefined : Buffer.from(content, 'base64')
    byPath.set(path, { ...known, ...(mode !== undefined && { before: { mode, content: decoded, stamp } }) })
  }
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

const isNamed = (path: string, paths: readonly string[] | undefined) =>
  !paths || paths.map(rawPath).some((each) => path === each || path.startsWith(`${each}/`))
