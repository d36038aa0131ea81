import { closeSync, constants, lstatSync, readSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { orUndefined } from '../platform/or-undefined.ts'
import { openPlain } from '../platform/plain-files.ts'
import { realPath } from '../platform/real-path.ts'
import { isWithin } from '../protocol/policy-rules.ts'
import { type GitUser, git, QUICK_MS } from './git.ts'

/** Maximum size of a file that names a folder of a repository, in bytes. */
const POINTER_BYTES = 8192

/** A repository, and the folder with its files. All paths are without links. */
export interface Repository {
  /** Folder with the files. */
  top: string
  /** Folder with the files' index and `HEAD`. */
  gitDir: string
  /** Folder with the objects, which several working trees may share. */
  commonDir: string
}

/**
 * Finds the repository of a folder. Does not run git, because git would obey the configuration of any
 * repository.
 * @returns undefined if the folder is in no repository; `elsewhere` if the folder claims a repository that
 * does not know the folder
 */
export function findRepository(folder: string): Repository | 'elsewhere' | undefined {
  for (let top = folder; ; top = dirname(top)) {
    const found = orUndefined(() => lstatSync(join(top, '.git')))
    if (found) return repositoryAt(top, found.isFile())
    if (dirname(top) === top) return undefined
  }
}

function repositoryAt(top: string, isPointer: boolean): Repository | 'elsewhere' | undefined {
  const dotGit = join(top, '.git')
  const named = isPointer ? pointerIn(dotGit, /^gitdir: (.+)$/) : '.git'
  if (named === undefined) return undefined
  const gitDir = realPath(resolve(top, named))
  const common = pointerIn(join(gitDir, 'commondir'), /^(.+)$/)
  const commonDir = common === undefined ? gitDir : realPath(resolve(gitDir, common))
  const repository = { top, gitDir, commonDir }
  const isOwn = gitDir === dotGit ? commonDir === gitDir : isPointer && knows(repository)
  const hasObjects = realPath(join(commonDir, 'objects')) === join(commonDir, 'objects')
  return isOwn && hasObjects ? repository : 'elsewhere'
}

/**
 * Reports whether a repository outside of a folder names this folder: as a working tree, or as a submodule.
 * Otherwise, a file `.git` could make this program show another repository.
 */
function knows({ top, gitDir, commonDir }: Repository): boolean {
  const linked = pointerIn(join(gitDir, 'gitdir'), /^(.+)$/)
  if (linked !== undefined)
    return (
      realPath(resolve(gitDir, linked)) === join(top, '.git') &&
      isWithin(gitDir, join(commonDir, 'worktrees'))
    )
  const worktree = pointerIn(join(gitDir, 'config'), /^\s*worktree = (.+)$/)
  return worktree !== undefined && commonDir === gitDir && realPath(resolve(gitDir, worktree)) === top
}

/** Returns the repository of a working tree; undefined if the folder was deleted or replaced. */
export function treeAt(path: string): Repository | undefined {
  // The folder may have been moved, and a link left in its place.
  const real = realPath(path)
  const tree = findRepository(real)
  return tree === undefined || tree === 'elsewhere' || tree.top !== real ? undefined : tree
}

/**
 * Reports whether a folder is a working tree that git has locked because it was made so (`git worktree add
 * --lock`).
 */
export function isLockedByGit(path: string): boolean {
  const tree = treeAt(path)
  return tree !== undefined && pointerIn(join(tree.gitDir, 'locked'), /^(added with --lock)$/) !== undefined
}

/** Returns what the first matching line of a small file names. */
function pointerIn(path: string, line: RegExp): string | undefined {
  return orUndefined(() => {
    const fd = openPlain(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      const buffer = Buffer.alloc(POINTER_BYTES)
      const text = buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, 0))
      for (const each of text.split('\n')) {
        const [, named] = line.exec(each) ?? []
        if (named !== undefined) return named
      }
      return undefined
    } finally {
      closeSync(fd)
    }
  })
}

/** Returns the commit that is checked out; undefined if there is none yet. @throws WorkspaceFailure */
export async function headOf({ gitDir }: Repository, user: GitUser): Promise<string | undefined> {
  const { code, stdout } = await git(user, ['rev-parse', '--verify', '--quiet', 'HEAD'], {
    env: { GIT_DIR: gitDir },
    ms: QUICK_MS,
  })
  const head = stdout.toString().trim()
  return code === 0 && isObjectId(head) ? head : undefined
}

/** Reports whether a text is the id of a git object. */
const isObjectId = (text: string) => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text)
