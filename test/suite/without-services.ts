import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { execa } from 'execa'

/** Debian asks this program whether a package that is being installed may start a service. */
const POLICY = '/usr/sbin/policy-rc.d'
const MARK = '# Of a test suite, while it installs packages.'
/** Denies it for as long as this process runs: should the file stay, it has no effect. */
const denial = `#!/bin/sh
${MARK}
if kill -0 ${process.pid} 2>/dev/null; then exit 101; fi
`

/** Installs packages without starting a service of theirs, now or when the machine boots. */
export async function withoutServices(install: () => Promise<void>) {
  const before = await enabled()
  // An administrator's own policy stays in force.
  const free = !existsSync(POLICY) || readFileSync(POLICY, 'utf8').includes(MARK)
  if (free) writeFileSync(POLICY, denial, { mode: 0o755 })
  try {
    await install()
  } finally {
    if (free) rmSync(POLICY, { force: true })
    const fresh = (await enabled()).filter((unit) => !before.includes(unit))
    if (fresh.length > 0) await execa('systemctl', ['--quiet', 'disable', ...fresh], { reject: false })
  }
}

/** Services that systemd starts when the machine boots; none where there is no systemd yet. */
async function enabled(): Promise<string[]> {
  const list = ['list-unit-files', '--type=service', '--state=enabled', '--no-legend', '--plain']
  const { stdout = '' } = await execa('systemctl', list, { reject: false })
  return stdout
    .split('\n')
    .map((line) => line.split(' ')[0]!)
    .filter(Boolean)
}
