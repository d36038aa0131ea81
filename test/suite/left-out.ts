import { isDebian, packagesOf } from './debian-packages.ts'

export interface LeftOut {
  file: string
  /** Its missing needs. */
  lacking: string[]
}

/** Returns the remedy for missing programs. */
export function remedy(programs: readonly string[]): string {
  const packages = packagesOf(programs)
  if (!isDebian())
    return `Some tests need programs that are not installed: ${[...programs].sort().join(', ')}.\nInstall them, and run this again.`
  return (
    'Some tests need Debian packages that are not installed. To run these tests, too, install the packages:\n\n' +
    `  sudo apt-get update && sudo apt-get install --yes --no-install-recommends ${packages.join(' ')}`
  )
}

/** Returns a list of the test files that were left out, grouped by what they need, with remedies. */
export function leftOutText(leftOut: readonly LeftOut[], of: number, asRoot: boolean): string {
  const reasons = new Map<string, string[]>()
  for (const { file, lacking } of leftOut) {
    const why = lacking.includes('root') ? 'root' : lacking.sort().join(', ')
    reasons.set(why, [...(reasons.get(why) ?? []), file])
  }
  const lines = [...reasons].map(([why, files]) => {
    const root = asRoot ? 'the right to mount, which root lacks here' : 'root'
    return `  Missing ${why === 'root' ? root : why}:\n${files.map((file) => `    ${file}`).join('\n')}`
  })
  const missing = [...new Set(leftOut.flatMap(({ lacking }) => lacking))].filter((need) => need !== 'root')
  const remedies = [
    ...(missing.length > 0 ? [remedy(missing)] : []),
    ...(reasons.has('root')
      ? [
          asRoot
            ? 'To include them, run the suite where root may mount file systems: in a virtual machine or a privileged container.'
            : 'To include them, run the suite as root.',
        ]
      : []),
  ]
  return `\nLeft out ${leftOut.length} of ${of} test files:\n${lines.join('\n')}\n\n${remedies.join('\n\n')}`
}
