import { git } from './manifest.ts'

/** Returns the subjects of the commits since the last tag `v…`, as a list. The list is empty without git. */
export function changelog(version: string): string {
  let commits: string[]
  try {
    const tag = lastTag()
    commits = git('log', '--no-merges', '--format=- %s', tag === undefined ? 'HEAD' : `${tag}..HEAD`).split(
      '\n',
    )
  } catch {
    commits = []
  }
  return `# ${version}\n\n${commits.join('\n')}\n`
}

/** Returns the last tag of an earlier commit: the present commit may already have this release's tag. */
function lastTag(): string | undefined {
  try {
    return git('describe', '--tags', '--abbrev=0', '--match=v*', 'HEAD^')
  } catch {
    return undefined
  }
}
