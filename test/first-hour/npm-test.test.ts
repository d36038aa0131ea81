import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { DebianRelease } from '../support/debian.ts'
import { FreshDebian, USER } from '../support/fresh-debian.ts'

const RELEASES: DebianRelease[] = ['bookworm', 'trixie']
/** A test file that needs Debian packages, and a test file that also needs root. */
const FILES = ['test/unit/service/files.test.ts', 'test/e2e/full-disk.test.ts']
const TWO = ['npm', 'test', '--', ...FILES]

for (const release of RELEASES)
  test(`npm test on ${release} lists the test files that it skips, with the reasons; as root, it installs the missing packages`, async (t) => {
    const machine = await FreshDebian.open(t, { release })
    const cwd = await machine.clone(`/home/${USER}/clone`, USER)
    const asUser = await machine.run(TWO, { user: USER, cwd })
    assert.equal(asUser.code, 77, asUser.text)
    assert.match(asUser.text, /sudo apt-get update && sudo apt-get install .*\bsystemd\b/)
    assert.match(asUser.text, /Left out 2 of 2 test files:/)
    assert.match(asUser.text, /Missing root:\n {4}test\/e2e\/full-disk\.test\.ts/)
    assert.match(asUser.text, /Missing .*systemd-analyze:\n {4}test\/unit\/service\/files\.test\.ts/)
    assert.match(asUser.text, /Run it as root to include them\./)

    const sources = join(machine.root, 'etc/apt/sources.list')
    const usual = readFileSync(sources, 'utf8')
    writeFileSync(sources, 'deb http://127.0.0.1:1/debian nowhere main\n')
    rmSync(join(machine.root, 'var/lib/apt/lists'), { recursive: true })
    const cutOff = await machine.run(TWO, { cwd })
    assert.match(
      cutOff.text,
      /apt-get could not install the packages that tests need.*\n.*Check the network and the sources/,
    )
    writeFileSync(sources, usual)

    const { text, code } = await machine.run(TWO, { cwd })
    assert.match(text, /Installing \d+ Debian packages that tests need: /)
    assert.equal(code, 0, text)
    assert.match(text, /^(ℹ|#) fail 0$/m)
    assert.doesNotMatch(text, /Left out/)
  })

for (const release of RELEASES)
  for (const user of [USER, undefined])
    test(`npm test passes on ${release} with only nodejs, npm, and git, as ${user ?? 'root'}`, async (t) => {
      const machine = await FreshDebian.open(t, { release })
      const cwd = await machine.clone(`${user === undefined ? '/root' : `/home/${user}`}/the clone`, user)
      const { code, text } = await machine.run(['npm', 'test'], { cwd, ...(user && { user }) })
      assert.match(text, /^(ℹ|#) fail 0$/m, text)
      assert.match(text, /^(ℹ|#) skipped 0$/m, text)
      assert.match(text, /^(ℹ|#) pass [1-9]/m, text)
      if (user === undefined) assert.equal(code, 0, text)
      else assert.equal(code, 77, text)
    })
