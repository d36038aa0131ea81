import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { visible } from '../platform/visible-text.ts'
import { WorkspaceFailure } from './failure.ts'
import { type GitUser, git } from './git.ts'
import { checkCommitted, isIn, listed, repositoryOf } from './merge.ts'
import { plainRepository } from './plain-repository.ts'
import { findRepository, headOf, type Repository } from './repository.ts'
import { commitOf, dropWorktree, inRepository, treesWith, type Worktree } from './worktree.ts'

/** Names of folders that tools fill, and can fill again. */
const MADE_AGAIN = new Set([
  ...['node_modules', '__pycache__', '.venv', 'venv', 'vendor', 'target', 'dist', 'build'],
  ...['.cache', '.next', '.nuxt', '.turbo', '.gradle', '.tox', '.pytest_cache', '.mypy_cache', '.ruff_cache'],
])
/** File in a folder whose contents can be made again (https://bford.info/cachedir/). */
const CACHE_MARK = 'CACHEDIR.TAG'

/**
 * Removes a working tree with all its files, and the branch that was made with it.
 * @param force true to remove changes that are not committed or not merged, and all ignored files
 * @throws WorkspaceFailure
 */
export async function discardWorktree(user: GitUser, tree: Worktree, force: boolean): Promise<void> {
  const repository = repositoryOf(tree)
  await checkNowhereElse(repository, user, tree)
  if (!force) {
    await checkCommitted(tree, user)
    await checkMerged(repository, user, tree)
    await checkIgnored(tree, user)
  }
  await dropWorktree(repository, user, tree)
}

/** Refuses to delete a branch that is checked out in another working tree. @throws WorkspaceFailure */
async function checkNowhereElse(
  repository: Repository,
  user: GitUser,
  { path, branch, is_new_branch }: Worktree,
) {
  const other = is_new_branch && (await treesWith(repository, user, branch)).find((each) => each !== path)
  if (!other) return
  throw new WorkspaceFailure(
    'worktree_failed',
    `The branch ${branch} cannot be deleted, because it is checked out in ${visible(other)}.`,
    'Check out another branch there.',
  )
}

/**
 * Refuses a branch with commits that are not merged. Also refuses such commits of the working tree that belong
 * to no branch.
 * @throws WorkspaceFailure
 */
export async function checkMerged(repository: Repository, user: GitUser, tree: Worktree): Promise<void> {
  const { branch } = tree
  const theirs = await commitOf(repository, user, branch)
  if (theirs !== undefined && !(await isIn(repository, user, theirs, 'HEAD')))
    throw new WorkspaceFailure(
      'worktree_unmerged',
      `The branch ${branch} has commits that are not merged.`,
      'Merge them, or discard them with `force` (agent discard --force).',
    )
  const head = await loneHeadOf(tree, user)
  if (head === undefined || (await isIn(repository, user, head, 'HEAD'))) return
  const names = await inRepository(repository, user, ['for-each-ref', '--count=1', '--contains', head])
  if (names.code === 0 && names.stdout.length > 0) return
  throw new WorkspaceFailure(
    'worktree_unmerged',
    `The working tree has commits that belong to no branch: ${head} and perhaps earlier ones.`,
    'Make a branch for them, or discard them with `force` (agent discard --force).',
  )
}

/** Returns the commit that is checked out in a working tree, if no branch is. */
async function loneHeadOf({ path }: Worktree, user: GitUser): Promise<string | undefined> {
  const own = treeAt(path)
  if (!own || (await inRepository(own, user, ['symbolic-ref', '--quiet', 'HEAD'])).code === 0)
    return undefined
  return headOf(own, user)
}

/** Refuses a working tree with ignored files that no tool makes again, such as `.env`. @throws WorkspaceFailure */
async function checkIgnored({ path }: Worktree, user: GitUser) {
  const tree = treeAt(path)
  if (!tree) return
  const plain = await plainRepository(tree, user, await headOf(tree, user))
  try {
    const asked = [
      'ls-files',
      '-z',
      '--others',
      '--ignored',
      '--exclude-standard',
      '--directory',
      '--no-empty-directory',
    ]
    const { code, stdout } = await git(user, asked, { env: plain.env, cwd: path })
    if (code !== 0)
      throw new WorkspaceFailure('git_failed', 'Git cannot list the ignored files.', 'Try again.')
    const kept = stdout
      .toString('latin1')
      .split('\0')
      .filter((name) => name !== '' && !isMadeAgain(path, name))
    if (kept.length === 0) return
    throw new WorkspaceFailure(
      'worktree_dirty',
      `The working tree has files that git ignores, and that would be deleted: ${listed(kept)}.`,
      'Copy what you need, then discard the rest with `force` (agent discard --force).',
    )
  } finally {
    plain.close()
  }
}

/** @param name path with one character per byte; a folder's ends with a slash */
function isMadeAgain(top: string, name: string): boolean {
  if (!name.endsWith('/')) return false
  const folder = Buffer.from(name, 'latin1').toString()
  return MADE_AGAIN.has(basename(folder)) || existsSync(join(top, folder, CACHE_MARK))
}

/** Returns the repository of a working tree; undefined if the folder was deleted or replaced. */
function treeAt(path: string): Repository | undefined {
  const tree = findRepository(path)
  return tree === undefined || tree === 'elsewhere' || tree.top !== path ? undefined : tree
}
