import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DebianRelease } from '../support/debian.ts'
import { FreshDebian, USER } from '../support/fresh-debian.ts'
import { freePort } from '../support/stage.ts'
import { until } from '../support/wait.ts'

/**
 * Timeout, in milliseconds. It is enough for npm ci, a download of Node (45 MB), and a build, on a slow
 * connection and a busy machine.
 */
const START_MS = 10 * 60_000

for (const release of ['bookworm', 'trixie'] as DebianRelease[])
  for (const user of [undefined, USER])
    test(`npm start works in a clone on ${release} with only nodejs, npm, and git, as ${user ?? 'root'}`, async (t) => {
      const machine = await FreshDebian.open(t, { release })
      const home = user === undefined ? '/root' : `/home/${user}`
      const cwd = await machine.clone(`${home}/the clone`, user)
      const env = { FOMULAR_HUB_PORT: String(await freePort()) }
      const started = machine.start(['npm', 'start'], { cwd, env, ...(user && { user }) })
      let over = false
      void started.ended.then(() => {
        over = true
      })
      const connected = () => /^Machine +\S+ connected /m.test(started.text())
      await until(() => connected() || over, { timeoutMs: START_MS, what: 'npm start' })
      assert.ok(connected(), started.text())
      const list = await machine.out(['node', 'dist/index.js', 'machine', 'list', '--json'], {
        cwd,
        env,
        ...(user && { user }),
      })
      assert.equal(JSON.parse(list).machines.length, 1)
      started.ctrlC()
      assert.equal(await started.ended, 0, started.text())
    })
