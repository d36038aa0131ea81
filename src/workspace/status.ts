import { WorkspaceFailure } from './failure.ts'
import { type GitUser, git } from './git.ts'
import type { PlainRepository } from './plain-repository.ts'

const MISSING = '000000'

/**
 * A path in a working tree that differs from a commit. Paths have one character per byte, because names of
 * files need not be text.
 */
export interface Difference {
  path: string
  /** Earlier path, if git knows that the file was renamed. */
  from?: string
  /** Mode and object in the commit; absent if the commit does not have the file. */
  old?: { mode: string; id: string }
  /** Mode in the working tree, as far as git knows it; absent if the file does not exist. */
  mode?: string
  /** True if git does not know the file yet. */
  isUntracked?: true
}

/**
 * Lists the paths in a working tree that differ from the plain repository's commit, in the order of their
 * bytes. Ignored files are not included.
 * @param paths only these files and folders of the working tree; empty for all
 * @throws WorkspaceFailure
 */
export async function differences(
  { env }: PlainRepository,
  user: GitUser,
  paths: readonly string[],
): Promise<Difference[]> {
  const { code, stdout } = await git(
    user,
    [
      ...['status', '--porcelain=v2', '-z', '--untracked-files=all', '--find-renames', '--no-ahead-behind'],
      // Git would otherwise run inside of the submodules, with their configuration.
      '--ignore-submodules=dirty',
      ...(paths.length === 0 ? [] : ['--', ...paths]),
    ],
    { env, cwd: env.GIT_WORK_TREE! },
  )
  if (code !== 0)
    throw new WorkspaceFailure(
      'git_failed',
      'Git cannot compare the folder with the commit.',
      'Run `git status` in the folder: the repository may be damaged, or the commit may be gone.',
    )
  return merged(parseStatus(stdout.toString('latin1')))
}

/** Parses the output of `git status --porcelain=v2 -z`. */
function* parseStatus(output: string): Generator<Difference> {
  const parts = output.split('\0')
  for (let at = 0; at < parts.length; at++) {
    const line = parts[at]!
    if (line.startsWith('? ')) {
      // A folder at this place is another repository.
      const path = line.slice(2)
      yield path.endsWith('/')
        ? { path: path.slice(0, -1), mode: '160000', isUntracked: true }
        : { path, isUntracked: true }
      continue
    }
    const count = { '1': 8, '2': 9, u: 10 }[line[0] ?? '']
    if (count === undefined) continue
    const fields = line.split(' ', count)
    const path = line.slice(fields.reduce((sum, field) => sum + field.length + 1, 0))
    const isUnmerged = line[0] === 'u'
    // An unmerged path has three stages. Compare with the second, which is the one of this branch.
    const [oldMode, mode, id] = isUnmerged
      ? [fields[4]!, fields[6]!, fields[8]!]
      : [fields[3]!, fields[5]!, fields[6]!]
    const from = line[0] === '2' ? parts[++at] : undefined
    const isRename = from !== undefined && fields[8]!.startsWith('R') && mode !== MISSING
    yield {
      path: from !== undefined && mode === MISSING ? from : path,
      ...(isRename && { from }),
      ...(oldMode !== MISSING && { old: { mode: oldMode, id } }),
      ...(mode !== MISSING && { mode }),
    }
  }
}

/** Merges the entries of the same path: a file that was only removed from the index is not untracked. */
function merged(all: Iterable<Difference>): Difference[] {
  const found = new Map<string, Difference>()
  for (const difference of all) {
    const known = found.get(difference.path)
    const { isUntracked: _, ...rest } = { ...known, ...difference }
    found.set(difference.path, known ? rest : difference)
  }
  return [...found.values()]
    .filter(({ old, mode, isUntracked }) => isUntracked || old !== undefined || mode !== undefined)
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}
