import { git } from './manifest.ts'

/** What has changed since the last tag `v…`, from the commits' own words. Empty where git is not there. */
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

/** Of an earlier commit: the one of this release may be there already. */
function lastTag(): string | undefined {
  try {
    return git('describe', '--tags', '--abbrev=0', '--match=v*', 'HEAD^')
  } catch {
    return undefined
  }
}
