import { existsSync, rmdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { orUndefined } from '../platform/or-undefined.ts'
import { visible } from '../platform/visible-text.ts'
import { WorkspaceFailure } from './failure.ts'
import { type GitOutput, type GitUser, git } from './git.ts'
import { plainRepository } from './plain-repository.ts'
import { findRepository, headOf, type Repository } from './repository.ts'

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
  path: string
  branch: string
  /** True if the branch was made with the working tree. */
  is_new_branch: boolean
  /** Branch that was checked out in the repository; absent if there was none. */
  onto?: string | undefined
}

export interface NewWorktree {
  path: string
  /** Name of the branch. */
  branch: string
  /** True if the branch may exist already. */
  mayExist: boolean
  /** Called before anything is made. */
  onPlanned?(worktree: Worktree): void
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
): Promise<GitOutput> => git(user, [...QUIET, ...args], { env: { GIT_DIR: gitDir }, ms: FILES_MS })

/**
 * Makes a working tree, with a branch. Hooks and filters of the repository do not run. If this fails, nothing
 * is left behind.
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
    path,
    branch,
    is_new_branch: there === undefined,
    onto,
  }
  onPlanned?.(made)
  const target = there === undefined ? ['--no-track', '-b', branch, path, head] : [path, branch]
  const added = await inRepository(repository, user, ['worktree', 'add', '--no-checkout', ...target])
  try {
    check(added, `Git could not make the working tree ${path}`)
    await writeFiles(path, user, there ?? head)
    return made
  } catch (error) {
    await dropWorktree(repository, user, made)
    throw error
  }
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
  const removed = await inRepository(repository, user, ['worktree', 'remove', '--force', path])
  if (existsSync(path)) check(removed, `Git could not remove the working tree ${path}`)
  // The folder next to the repository is only for working trees.
  orUndefined(() => rmdirSync(dirname(path)))
  if (!is_new_branch || (await commitOf(repository, user, branch)) === undefined) return
  check(
    await inRepository(repository, user, ['update-ref', '-d', `refs/heads/${branch}`]),
    `Git could not delete the branch ${branch}`,
  )
}

/** @throws WorkspaceFailure if a command of git has failed */
export function check({ code, stderr }: GitOutput, what: string) {
  if (code === 0) return
  const said = visible(stderr.toString().trim().split('\n').at(-1) ?? '').slice(0, MESSAGE_CHARS)
  throw new WorkspaceFailure(
    'worktree_failed',
    `${what}${said === '' ? '' : `: ${said}`}`,
    'Correct the cause on the machine.',
  )
}
