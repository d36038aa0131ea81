import { existsSync, rmdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { orUndefined } from '../platform/or-undefined.ts'
import { visible } from '../platform/visible-text.ts'
import { shorten } from '../protocol/shorten.ts'
import { WorkspaceFailure } from './failure.ts'
import { type GitOptions, type GitOutput, type GitUser, git } from './git.ts'
import { plainRepository } from './plain-repository.ts'
import { findRepository, headOf, isLockedByGit, type Repository } from './repository.ts'

/** Time limit for writing the files of a working tree, in ms. */
const FILES_MS = 300_000
/** Maximum length of a message of git in a failure, in characters. */
const MESSAGE_CHARS = 300

/** Settings that keep git from running programs of the repository while it changes branches. */
const QUIET = ['-c', 'core.hooksPath=/dev/null', '-c', 'core.fsmonitor=false', '-c', 'gc.auto=0']

/** A working tree that was made for an agent. All paths are without links. */
export interface Worktree {
  /** Folder of the repository from which it was made. */
  repository: string
  /** Folder with the objects and branches of the repository; absent in records of earlier versions. */
  common_dir?: string | undefined
  path: string
  branch: string
  /** True if the branch was made with the working tree. */
  is_new_branch: boolean
  /** Branch that was checked out in the repository; absent if there was none. */
  onto?: string | undefined
}

/** A working tree that is being made. Until it is done, git has it locked. */
export interface PlannedWorktree extends Worktree {
  /** Commit of the branch. */
  commit: string
}

export interface NewWorktree {
  path: string
  /** Name of the branch. */
  branch: string
  /** True if the branch may exist already. */
  mayExist: boolean
  /** Called before anything is made. */
  onPlanned?(worktree: PlannedWorktree): void
}

/** Returns the branch that is checked out; undefined if there is none. @throws WorkspaceFailure */
export async function branchOf(repository: Repository, user: GitUser): Promise<string | undefined> {
  const { code, stdout } = await inRepository(repository, user, [
    'symbolic-ref',
    '--quiet',
    '--short',
    'HEAD',
  ])
  return code === 0 ? stdout.toString().trim() : undefined
}

/** Returns the commit of a branch; undefined if there is no such branch. @throws WorkspaceFailure */
export async function commitOf(
  repository: Repository,
  user: GitUser,
  branch: string,
): Promise<string | undefined> {
  const ref = `refs/heads/${branch}`
  const { code, stdout } = await inRepository(repository, user, ['rev-parse', '--verify', '--quiet', ref])
  return code === 0 ? stdout.toString().trim() : undefined
}

/** Runs git in a repository, without its hooks. @throws WorkspaceFailure */
export const inRepository = (
  { gitDir }: Repository,
  user: GitUser,
  args: readonly string[],
  limits: Pick<GitOptions, 'ms'> = {},
): Promise<GitOutput> => git(user, [...QUIET, ...args], { env: { GIT_DIR: gitDir }, ...limits })

/**
 * Makes a working tree, with a branch. Hooks and filters of the repository do not run. If this fails, nothing
 * is left behind. Git keeps the working tree locked until `releaseWorktree` is called.
 * @throws WorkspaceFailure
 */
export async function makeWorktree(
  repository: Repository,
  user: GitUser,
  { path, branch, mayExist, onPlanned }: NewWorktree,
): Promise<Worktree> {
  const head = await headOf(repository, user)
  if (head === undefined)
    throw new WorkspaceFailure(
      'worktree_failed',
      'The repository has no commit yet.',
      'Commit something first.',
    )
  await checkName(repository, user, branch)
  const there = await commitOf(repository, user, branch)
  if (there !== undefined && !mayExist)
    throw new WorkspaceFailure(
      'worktree_failed',
      `The branch ${branch} exists already.`,
      'Name a branch for the agent.',
    )
  if (existsSync(path))
    throw new WorkspaceFailure('worktree_failed', `The folder ${path} exists already.`, 'Move it away.')
  const onto = await branchOf(repository, user)
  const made: Worktree = {
    repository: repository.top,
    common_dir: repository.commonDir,
    path,
    branch,
    is_new_branch: there === undefined,
    onto,
  }
  const planned = { ...made, commit: there ?? head }
  onPlanned?.(planned)
  const target = there === undefined ? ['--no-track', '-b', branch, path, head] : [path, branch]
  const adding = ['worktree', 'add', '--lock', '--no-checkout', ...target]
  try {
    check(
      await inRepository(repository, user, adding, { ms: FILES_MS }),
      `Git could not make the working tree ${path}`,
    )
    await writeFiles(path, user, planned.commit)
    return made
  } catch (error) {
    await undoWorktree(repository, user, planned)
    throw error
  }
}

/** Unlocks a working tree whose agent exists. @throws WorkspaceFailure */
export async function releaseWorktree(
  repository: Repository,
  user: GitUser,
  { path }: Worktree,
): Promise<void> {
  if (!isLockedByGit(path)) return
  const unlocked = await inRepository(repository, user, ['worktree', 'unlock', path])
  check(unlocked, `Git could not unlock the working tree ${path}`)
}

/**
 * Removes a working tree whose agent does not exist, even if it is incomplete. Keeps a folder that another user
 * has made there in the meantime, and a branch that has changed.
 * @throws WorkspaceFailure
 */
export async function undoWorktree(
  repository: Repository,
  user: GitUser,
  planned: PlannedWorktree,
): Promise<void> {
  const { path, branch, is_new_branch, commit } = planned
  // Git was killed before it wrote anything into the folder.
  orUndefined(() => rmdirSync(path))
  if (existsSync(path) && !isLockedByGit(path)) return
  await removeTree(repository, user, path, ['--force', '--force'])
  const isOurs = is_new_branch && (await commitOf(repository, user, branch)) === commit
  if (isOurs && (await treesWith(repository, user, branch)).length === 0)
    await deleteBranch(repository, user, branch, commit)
}

async function checkName(repository: Repository, user: GitUser, branch: string) {
  const { code, stdout } = await inRepository(repository, user, ['check-ref-format', '--branch', branch])
  // Git replaces names such as `@{-1}` by the names of other branches.
  if (code !== 0 || stdout.toString().trim() !== branch || branch.startsWith('-'))
    throw new WorkspaceFailure(
      'invalid_command',
      `${branch} cannot be the name of a branch.`,
      'Choose another.',
    )
}

async function writeFiles(path: string, user: GitUser, commit: string) {
  const repository = findRepository(path)
  if (repository === undefined || repository === 'elsewhere' || repository.top !== path)
    throw new WorkspaceFailure('worktree_failed', `Git has made no working tree ${path}.`, 'Try again.')
  const plain = await plainRepository(repository, user, commit)
  try {
    const options = { env: plain.env, cwd: path, ms: FILES_MS }
    check(await git(user, ['read-tree', '--reset', '-u', commit], options), 'Git could not write the files')
  } finally {
    plain.close()
  }
}

/** Removes a working tree with all its files, and the branch that was made with it. @throws WorkspaceFailure */
export async function dropWorktree(repository: Repository, user: GitUser, made: Worktree): Promise<void> {
  const { path, branch, is_new_branch } = made
  const commit = is_new_branch ? await commitOf(repository, user, branch) : undefined
  // It is still locked if it could not be unlocked when its agent started.
  await releaseWorktree(repository, user, made)
  await removeTree(repository, user, path, ['--force'])
  if (commit !== undefined) await deleteBranch(repository, user, branch, commit)
}

async function removeTree(repository: Repository, user: GitUser, path: string, force: readonly string[]) {
  const removing = ['worktree', 'remove', ...force, path]
  const removed = await inRepository(repository, user, removing, { ms: FILES_MS })
  if (existsSync(path)) check(removed, `Git could not remove the working tree ${path}`)
  // The folder next to the repository is only for working trees.
  orUndefined(() => rmdirSync(dirname(path)))
}

/** Deletes a branch, unless it has changed since `commit` was read. @throws WorkspaceFailure */
async function deleteBranch(repository: Repository, user: GitUser, branch: string, commit: string) {
  const deleted = await inRepository(repository, user, ['update-ref', '-d', `refs/heads/${branch}`, commit])
  check(deleted, `Git could not delete the branch ${branch}`)
}

/** Returns the working trees in which a branch is checked out. @throws WorkspaceFailure */
export async function treesWith(repository: Repository, user: GitUser, branch: string): Promise<string[]> {
  const { stdout } = await inRepository(repository, user, ['worktree', 'list', '--porcelain'])
  return stdout
    .toString()
    .split('\n\n')
    .map((tree) => tree.split('\n'))
    .filter((lines) => lines.includes(`branch refs/heads/${branch}`))
    .map(([first = '']) => first.replace(/^worktree /, ''))
    .filter((path) => existsSync(path))
}

/** @throws WorkspaceFailure if a command of git has failed */
export function check({ code, stderr }: GitOutput, what: string) {
  if (code === 0) return
  const said = shorten(visible(stderr.toString().trim().split('\n').at(-1) ?? ''), MESSAGE_CHARS)
  throw new WorkspaceFailure(
    'worktree_failed',
    `${what}${said === '' ? '' : `: ${said}`}`,
    'Correct the cause on the machine.',
  )
}
