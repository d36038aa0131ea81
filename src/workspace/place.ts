import { join, relative } from 'node:path'
import type { OpenFolder } from '../platform/open-folder.ts'
import { isWithin } from '../protocol/policy-rules.ts'
import type { GitUser } from './git.ts'
import { type Found, readInside } from './inside.ts'
import type { Repository } from './repository.ts'

export interface PlaceOptions {
  /** Path of the folder, as the agent's specification names it. */
  named: string
  folder: OpenFolder
  user: GitUser
  /** Reports whether the agent's user may read an open file. */
  mayRead(fd: number): boolean
  /** Files and folders that nobody may see, without links. */
  hidden: readonly string[]
}

/** A folder of an agent, open for reading. */
export class Place {
  readonly named: string
  readonly folder: OpenFolder
  readonly user: GitUser
  readonly #options: PlaceOptions

  constructor(options: PlaceOptions) {
    this.#options = options
    this.named = options.named
    this.folder = options.folder
    this.user = options.user
  }

  /** Returns the path of this folder in a repository's working tree; empty for the whole tree. */
  prefixIn({ top }: Repository): string {
    return relative(top, this.folder.real)
  }

  /**
   * Returns the path in this folder of a path in the working tree; undefined if it is outside of this folder.
   */
  inner(path: string, prefix: string): string | undefined {
    if (prefix === '') return path
    const start = `${Buffer.from(prefix).toString('latin1')}/`
    return path.startsWith(start) ? path.slice(start.length) : undefined
  }

  /** Reads a file. @param path path in this folder, with one character per byte */
  read(path: string, most: number): Found | 'forbidden' | undefined {
    const { folder, mayRead } = this.#options
    return readInside(folder, path, { most, mayRead })
  }

  /** Reports whether a file belongs to the daemon, or is in a folder that agents must not see. */
  isHidden(path: string): boolean {
    const real = join(this.folder.real, shownPath(path))
    return this.#options.hidden.some((hidden) => isWithin(real, hidden))
  }

  /** Returns the mode that git gives a file. */
  modeOf({ kind, isExecutable }: Found): string {
    return kind === 'link' ? '120000' : isExecutable ? '100755' : '100644'
  }
}

/** Returns a path, which has one character per byte, as text. */
export const shownPath = (path: string) => Buffer.from(path, 'latin1').toString()
/** Returns a path with one character per byte. */
export const rawPath = (path: string) => Buffer.from(path).toString('latin1')
