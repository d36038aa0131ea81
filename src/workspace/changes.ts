import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { ChangedFile, Hunk, WorkspaceChanges } from '../protocol/index.ts'
import { changedFile, type Texts } from './changed-file.ts'
import { closeAll, type EntriesOptions, type Entry, entriesOf, type FolderChanges } from './entries.ts'
import { type Content, contentsOf } from './objects.ts'
import type { Place } from './place.ts'

/** Maximum number of files on a page, and of files whose contents are read together. */
const FILES = { page: 200, stat: 1000, batch: 50 }
/** Number of characters in hunks after which a page ends. */
const PAGE_CHARS = 512 * 1024
/** Maximum number of hunks of a file on a page. */
const HUNKS = 500
/** Time after which a page ends, in ms. */
const PAGE_MS = 4000

export interface ChangesOptions extends EntriesOptions {
  /** True to leave out the lines. */
  stat: boolean
  /** The `next` of the page before. */
  after?: string | undefined
  /** Removes secrets from texts. */
  redacted(texts: Texts): Texts
}

/** Returns a page of the changes in an agent's folders. @throws WorkspaceFailure */
export async function changesIn(
  places: readonly Place[],
  options: ChangesOptions,
): Promise<Omit<WorkspaceChanges, 'since'>> {
  const folders = await entriesOf(places, options)
  try {
    const entries = folders.flatMap((folder) => folder.entries)
    const page = new Page(entries, options)
    while (page.rest.length > 0 && !page.isFull) await addBatch(page, folders, options)
    return {
      folders: folders.map(({ place, commit, problem }) => ({
        path: place.named,
        ...(commit !== undefined && { commit }),
        ...(problem !== undefined && { problem: `The folder ${problem}.` }),
      })),
      total: entries.length,
      files: page.files,
      ...(page.next !== undefined && { next: page.next }),
    }
  } finally {
    closeAll(folders)
  }
}

async function addBatch(page: Page, folders: readonly FolderChanges[], { redacted }: ChangesOptions) {
  const { at } = page.rest[0]!
  const { place, plain } = folders[at]!
  const batch = page.rest.slice(0, FILES.batch).filter((entry) => entry.at === at)
  const contents: Map<string, Content> = plain
    ? await contentsOf(plain, place.user, batch.flatMap(objectOf))
    : new Map()
  for (const entry of batch) {
    const [id] = objectOf(entry)
    // Not all contents fit into one batch.
    if (id !== undefined && !contents.has(id)) return
    page.add(await changedFile(entry, { place, content: contents.get(id ?? ''), redacted }))
    if (page.isFull) return
    // Comparing takes time, and other work of the daemon must not wait for it.
    await setImmediate()
  }
}

/** Returns the id of an entry's object, if it is a file or a link. */
const objectOf = ({ before }: Entry): string[] =>
  before && 'id' in before && before.mode !== '160000' ? [before.id] : []

/** A page that is being filled with changed files. */
class Page {
  readonly files: ChangedFile[] = []
  readonly #entries: readonly Entry[]
  readonly #stat: boolean
  readonly #end = performance.now() + PAGE_MS
  /** Position of the next entry, and of its next hunk. */
  #at: number
  #hunk: number
  #chars = 0

  constructor(entries: readonly Entry[], { stat, after }: ChangesOptions) {
    this.#entries = entries
    this.#stat = stat
    const { at, hunk } = positionIn(entries, after)
    this.#at = at
    this.#hunk = hunk
  }

  get rest(): readonly Entry[] {
    return this.#entries.slice(this.#at)
  }

  get isFull(): boolean {
    const most = this.#stat ? FILES.stat : FILES.page
    const isLate = performance.now() > this.#end && this.files.length > 0
    // The next page continues the last file.
    const isDivided = this.files.at(-1)?.continued === true
    return this.files.length >= most || this.#chars >= PAGE_CHARS || isDivided || isLate
  }

  /** Value with which the next page continues; undefined at the end. */
  get next(): string | undefined {
    const entry = this.#entries[this.#at]
    return entry && `${this.#at}.${this.#hunk}.${nameOf(entry)}`
  }

  /** Adds the next file. @param file undefined if it has not changed */
  add(file: ChangedFile | undefined) {
    if (file && this.#stat) this.files.push({ ...file, hunks: [] })
    if (file && !this.#stat && this.#isDivided(file)) return
    this.#at++
    this.#hunk = 0
  }

  /** Adds a file with as many hunks as fit. @returns true if further hunks are left */
  #isDivided(file: ChangedFile): boolean {
    const hunks: Hunk[] = []
    for (const hunk of file.hunks.slice(this.#hunk)) {
      if (hunks.length > 0 && (hunks.length >= HUNKS || this.#chars >= PAGE_CHARS)) break
      hunks.push(hunk)
      this.#chars += hunk.text.length
    }
    const end = this.#hunk + hunks.length
    const isDivided = end < file.hunks.length
    this.files.push({ ...file, hunks, ...(isDivided && { continued: true }) })
    this.#hunk = end
    return isDivided
  }
}

/** Finds the place at which a page begins, even if the list has changed since the page before. */
function positionIn(entries: readonly Entry[], after: string | undefined): { at: number; hunk: number } {
  const [, at, hunk, name] = /^(\d{1,9})\.(\d{1,9})\.([0-9a-f]+)$/.exec(after ?? '') ?? []
  if (name === undefined) return { at: 0, hunk: 0 }
  const near = entries[Number(at)]
  const found =
    near && nameOf(near) === name ? Number(at) : entries.findIndex((entry) => nameOf(entry) === name)
  // The file is no longer changed.
  return found < 0 ? { at: Number(at), hunk: 0 } : { at: found, hunk: Number(hunk) }
}

/** Returns a name for an entry that tells nothing about it, because its path may contain a secret. */
const nameOf = ({ at, path }: Entry) => createHash('sha256').update(`${at} ${path}`).digest('hex').slice(0, 8)
