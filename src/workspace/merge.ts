import { visible } from '../platform/visible-text.ts'
import { WorkspaceFailure } from './failure.ts'
import { type GitUser, git } from './git.ts'
import { type PlainRepository, plainRepository } from './plain-repository.ts'
import { findRepository, type Repository, treeAt } from './repository.ts'
import { differences } from './status.ts'
import { branchOf, check, commitOf, inRepository, type Worktree } from './worktree.ts'

/** Maximum number of files in a message. */
export const LISTED = 20
/** Time limit for writing files, in ms. */
const FILES_MS = 300_000

/** Returns the repository from which a working tree was made. @throws WorkspaceFailure */
export function repositoryOf({ repository: top }: Worktree): Repository {
  const repository = findRepository(top)
  if (repository !== undefined && repository !== 'elsewhere' && repository.top === top) return repository
  throw new WorkspaceFailure('not_a_repository', `The repository ${top} no longer exists.`, 'Restore it.')
}

/** Refuses a working tree with changes that are not committed. @throws WorkspaceFailure */
export async function checkCommitted({ path }: Worktree, user: GitUser): Promise<void> {
  const tree = treeAt(path)
  // The folder was deleted, so no changes are left in it.
  if (!tree) return
  const head = await inRepository(tree, user, ['rev-parse', '--verify', '--quiet', 'HEAD'])
  const plain = await plainRepository(tree, user, head.stdout.toString().trim())
  try {
    const paths = (await differences(plain, user, [])).map(({ path }) => path)
    if (paths.length === 0) return
    throw new WorkspaceFailure(
      'worktree_dirty',
      `The working tree has changes that are not committed: ${listed(paths)}.`,
      'Let the agent commit them.',
    )
  } finally {
    plain.close()
  }
}

/** Reports whether a commit is a part of another. @throws WorkspaceFailure */
export async function isIn(
  repository: Repository,
  user: GitUser,
  commit: string,
  other: string,
): Promise<boolean> {
  return (await inRepository(repository, user, ['merge-base', '--is-ancestor', commit, other])).code === 0
}

export interface Merged {
  branch: string
  onto: string
  commit: string
  /** `fast-forward`, `merge`, or `none` if the commits were merged already. */
  how: string
}

/**
 * Merges the branch of a working tree into the branch that was checked out in the repository. If the merge has
 * a conflict, or would change files that have other changes, nothing is changed.
 * @throws WorkspaceFailure
 */
export async function mergeWorktree(user: GitUser, tree: Worktree): Promise<Merged> {
  const repository = repositoryOf(tree)
  await checkCommitted(tree, user)
  const { branch } = tree
  const onto = await branchOf(repository, user)
  if (onto === undefined || onto !== tree.onto)
    throw new WorkspaceFailure(
      'worktree_failed',
      `The branch ${tree.onto ?? 'of the repository'} is not checked out in ${tree.repository}.`,
      'Check it out again, or merge the branch with git.',
    )
  const [ours, theirs] = [await commitOf(repository, user, onto), await commitOf(repository, user, branch)]
  if (ours === undefined || theirs === undefined)
    throw new WorkspaceFailure('worktree_failed', `The branch ${branch} no longer exists.`, 'Restore it.')
  if (await isIn(repository, user, theirs, ours)) return { branch, onto, commit: ours, how: 'none' }
  const isForward = await isIn(repository, user, ours, theirs)
  const plain = await plainRepository(repository, user, ours)
  try {
    const commit = isForward ? theirs : await mergeCommit(plain, user, { ours, theirs, branch, repository })
    await moveTo(plain, user, ours, commit)
    const ref = ['update-ref', '-m', `merge ${branch}`, `refs/heads/${onto}`, commit, ours]
    const updated = await inRepository(repository, user, ref)
    if (updated.code !== 0) await moveTo(plain, user, commit, ours)
    check(updated, `The branch ${onto} was not changed`)
    return { branch, onto, commit, how: isForward ? 'fast-forward' : 'merge' }
  } finally {
    plain.close()
  }
}

interface MergeOptions {
  ours: string
  theirs: string
  branch: string
  repository: Repository
}

/** Makes the commit of a merge without conflicts. @throws WorkspaceFailure */
async function mergeCommit({ env }: PlainRepository, user: GitUser, options: MergeOptions): Promise<string> {
  const { ours, theirs, branch, repository } = options
  const merging = ['merge-tree', '--write-tree', '--name-only', '--no-messages', '-z', ours, theirs]
  const merged = await git(user, merging, { env, ms: FILES_MS })
  const [tree = '', ...conflicts] = merged.stdout.toString('latin1').split('\0').filter(Boolean)
  if (merged.code === 1)
    throw new WorkspaceFailure(
      'merge_conflict',
      `The branch ${branch} conflicts in ${listed(conflicts)}. Nothing was changed.`,
      'Let the agent merge the other branch into its own, and resolve the conflicts.',
    )
  check(merged, 'Git could not merge')
  const setting = async (name: string) =>
    (await inRepository(repository, user, ['config', name])).stdout.toString().trim()
  const [name, email] = [await setting('user.name'), await setting('user.email')]
  const who = { NAME: name || 'fomular-daemon', EMAIL: email || 'fomular-daemon@localhost' }
  const identity = Object.fromEntries(
    ['AUTHOR', 'COMMITTER'].flatMap((role) =>
      Object.entries(who).map(([part, value]) => [`GIT_${role}_${part}`, value]),
    ),
  )
  const words = ['commit-tree', tree, '-p', ours, '-p', theirs, '-m', `Merge branch '${branch}'`]
  const made = await git(user, words, { env: { ...env, ...identity } })
  check(made, 'Git could not make the commit')
  return made.stdout.toString().trim()
}

/** Changes the files and the index from one commit to another. Keeps other changes. @throws WorkspaceFailure */
async function moveTo({ env }: PlainRepository, user: GitUser, from: string, to: string) {
  const options = { env, cwd: env.GIT_WORK_TREE!, ms: FILES_MS }
  await git(user, ['update-index', '-q', '--refresh'], options)
  const moved = await git(user, ['read-tree', '-m', '-u', from, to], options)
  check(moved, 'The merge would change files that have other changes, so nothing was changed')
}

/** Returns the first of some paths, which have one character per byte, for a message. */
export const listed = (paths: readonly string[]) =>
  paths
    .slice(0, LISTED)
    .map((path) => visible(Buffer.from(path, 'latin1').toString()))
    .join(', ') + (paths.length > LISTED ? ', …' : '')
