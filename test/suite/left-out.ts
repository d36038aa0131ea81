import { isDebian, packagesOf } from './debian-packages.ts'

export interface LeftOut {
  file: string
  /** What of its needs is not there. */
  lacking: string[]
}

/** What to do about missing programs. */
export function remedy(programs: readonly string[]): string {
  const packages = packagesOf(programs)
  if (!isDebian())
    return `Some tests need programs that are not installed: ${[...programs].sort().join(', ')}.\nInstall them first, and run this again.`
  return (
    'Some tests need Debian packages that are not installed. To run these tests, too, install them first:\n\n' +
    `  sudo apt-get update && sudo apt-get install --yes --no-install-recommends ${packages.join(' ')}`
  )
}

/** Says what was not covered, and why. */
export function leftOutText(leftOut: readonly LeftOut[], of: number, asRoot: boolean): string {
  const reasons = new Map<string, string[]>()
  for (const { file, lacking } of leftOut) {
    const why = lacking.includes('root') ? 'root' : lacking.sort().join(', ')
    reasons.set(why, [...(reasons.get(why) ?? []), file])
  }
  const lines = [...reasons].map(([why, files]) => {
    const root = asRoot ? 'the right to mount, which root does not have here' : 'root'
    return `  For want of ${why === 'root' ? root : why}:\n${files.map((file) => `    ${file}`).join('\n')}`
  })
  const missing = [...new Set(leftOut.flatMap(({ lacking }) => lacking))].filter((need) => need !== 'root')
  const remedies = [
    ...(missing.length > 0 ? [remedy(missing)] : []),
    ...(reasons.has('root')
      ? [
          asRoot
            ? 'Run it where root may mount: in a virtual machine or a privileged container.'
            : 'Run it as root to cover the rest.',
        ]
      : []),
  ]
  return `\nNot covered, ${leftOut.length} of ${of} files of tests:\n${lines.join('\n')}\n\n${remedies.join('\n\n')}`
}
