import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { execa } from 'execa'

/** Debian runs this program to ask whether a package may start a service during its installation. */
const POLICY = '/usr/sbin/policy-rc.d'
const MARK = '# Written by a test suite while it installs packages.'
/** A program that denies such starts while this process runs. A leftover file has no effect. */
const denial = `#!/bin/sh
${MARK}
if kill -0 ${process.pid} 2>/dev/null; then exit 101; fi
`

/** Installs packages without starting their services, now or at boot. */
export async function withoutServices(install: () => Promise<void>) {
  const before = await enabled()
  // A policy file of an administrator is not replaced.
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

/** Returns the services that systemd starts at boot, or an empty list if systemd is not installed yet. */
async function enabled(): Promise<string[]> {
  const list = ['list-unit-files', '--type=service', '--state=enabled', '--no-legend', '--plain']
  const { stdout = '' } = await execa('systemctl', list, { reject: false })
  return stdout
    .split('\n')
    .map((line) => line.split(' ')[0]!)
    .filter(Boolean)
}
