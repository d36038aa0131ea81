import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { orUndefined } from '../platform/or-undefined.ts'
import { realPath } from '../platform/real-path.ts'
import { visible } from '../platform/visible-text.ts'
import { WorkspaceFailure } from './failure.ts'
import { type GitOptions, type GitUser, git } from './git.ts'
import { checkCommitted, isIn, LISTED, listed, repositoryOf } from './merge.ts'
import { plainRepository } from './plain-repository.ts'
import { headOf, type Repository, treeAt } from './repository.ts'
import { commitOf, dropWorktree, inRepository, treesWith, type Worktree } from './worktree.ts'

/** Names of folders that tools fill, and can fill again. */
const MADE_AGAIN = new Set([
  ...['node_modules', '__pycache__', '.venv', 'venv', 'vendor', 'target', 'dist', 'build'],
  ...['.cache', '.next', '.nuxt', '.turbo', '.gradle', '.tox', '.pytest_cache', '.mypy_cache', '.ruff_cache'],
])
/** File in a folder whose contents can be made again (https://bford.info/cachedir/). */
const CACHE_MARK = 'CACHEDIR.TAG'
/** Maximum size of the list of all files, in bytes, which is enough for 500,000 files. */
const INDEX_BYTES = 64 * 1024 * 1024
/** Options with which git lists ignored files, and folders that contain nothing else. */
const IGNORED = ['--others', '--ignored', '--exclude-standard', '--directory', '--no-empty-directory']

/**
 * Removes a working tree with all its files, and the branch that was made with it.
 * @param force true to remove changes that are not committed or not merged, and all ignored files
 * @throws WorkspaceFailure
 */
export async function discardWorktree(user: GitUser, tree: Worktree, force: boolean): Promise<void> {
  const repository = repositoryOf(tree)
  await checkNowhereElse(repository, user, tree)
  if (!force) {
    checkReadable(tree)
    await checkCommitted(tree, user)
    await checkMerged(repository, user, tree)
    await checkUnseen(tree, user)
  }
  await dropWorktree(repository, user, tree)
}

/** Refuses a folder that exists, but cannot be searched for work. @throws WorkspaceFailure */
function checkReadable({ path }: Worktree) {
  if (!existsSync(path) || treeAt(path)) return
  throw new WorkspaceFailure(
    'worktree_failed',
    `The folder ${path} is no longer the agent's working tree, so it stays.`,
    'Move it away, or discard it with `force` (agent discard --force).',
  )
}

/** Refuses to delete a branch that is checked out in another working tree. @throws WorkspaceFailure */
async function checkNowhereElse(
  repository: Repository,
  user: GitUser,
  { path, branch, is_new_branch }: Worktree,
) {
  const other =
    is_new_branch &&
    (await treesWith(repository, user, branch)).find((each) => realPath(each) !== realPath(path))
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

/** Refuses a working tree with work that git does not compare with a commit. @throws WorkspaceFailure */
async function checkUnseen({ path }: Worktree, user: GitUser) {
  const tree = treeAt(path)
  if (!tree) return
  const plain = await plainRepository(tree, user, await headOf(tree, user))
  const list = async (asked: readonly string[], limits: Pick<GitOptions, 'most'> = {}) => {
    const options = { env: plain.env, cwd: tree.top, ...limits }
    const { code, stdout } = await git(user, ['ls-files', '-z', ...asked], options)
    if (code !== 0) throw new WorkspaceFailure('git_failed', 'Git cannot list the files.', 'Try again.')
    return stdout.toString('latin1').split('\0').filter(Boolean)
  }
  try {
    checkIgnored(tree, await list(IGNORED))
    checkNested(tree, await list(['--stage'], { most: INDEX_BYTES }))
  } finally {
    plain.close()
  }
}

/** Refuses ignored files that no tool makes again, such as `.env`. @throws WorkspaceFailure */
function checkIgnored({ top }: Repository, ignored: readonly string[]) {
  const kept: string[] = []
  // Stop early, because there can be millions.
  for (const name of ignored) if (kept.length <= LISTED && !isMadeAgain(top, name)) kept.push(name)
  if (kept.length === 0) return
  throw new WorkspaceFailure(
    'worktree_dirty',
    `The working tree has files that git ignores, and that would be deleted: ${listed(kept)}.`,
    'Copy what you need, then discard the rest with `force` (agent discard --force).',
  )
}

/**
 * Refuses other repositories in a working tree, such as submodules. Their files are not compared, and their
 * commits may be nowhere else.
 * @param staged the working tree's index
 * @throws WorkspaceFailure
 */
function checkNested({ top, gitDir }: Repository, staged: readonly string[]) {
  const nested = staged
    .filter((entry) => entry.startsWith('160000 '))
    .map((entry) => entry.slice(entry.indexOf('\t') + 1))
    .filter((name) => existsSync(join(top, Buffer.from(name, 'latin1').toString(), '.git')))
  // Git keeps the commits of a submodule here, even if the submodule's files were deleted.
  const kept = orUndefined(() => readdirSync(join(gitDir, 'modules'), 'latin1')) ?? []
  const all = [...new Set([...nested, ...kept])]
  if (all.length === 0) return
  throw new WorkspaceFailure(
    'worktree_dirty',
    `The working tree has repositories in it, whose commits and files would be deleted: ${listed(all)}.`,
    'Push or copy what you need, then discard the rest with `force` (agent discard --force).',
  )
}

/** @param name path with one character per byte; a folder's ends with a slash */
function isMadeAgain(top: string, name: string): boolean {
  if (!name.endsWith('/')) return false
  const folder = Buffer.from(name, 'latin1').toString()
  return MADE_AGAIN.has(basename(folder)) || existsSync(join(top, folder, CACHE_MARK))
}
