import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { makeExecutables, platformsNamed } from '../../packaging/executables.ts'
import { Installation } from '../support/installation.ts'
import { TestRegistry } from '../support/registry.ts'
import { tempDir } from '../support/temp.ts'

/** Builds a single executable that includes Node and has this version number. */
async function executable(version: string): Promise<Buffer> {
  const out = tempDir({ after })
  const define = { FOMULAR_VERSION: JSON.stringify(version) }
  const { executables } = await makeExecutables(platformsNamed([`linux-${process.arch}`]), out, { define })
  return readFileSync(join(out, executables[0]!.name))
}

const registry = await TestRegistry.shared()
const programs = { '1.0.0': await executable('1.0.0'), '1.1.0': await executable('1.1.0') }
for (const [version, program] of Object.entries(programs)) {
  await registry.release({ version })
  await registry.releaseExecutable({ version }, program)
}

for (const npm of ['with', 'without'])
  for (const supervised of [false, true])
    test(`an executable ${npm} npm, ${supervised ? 'supervised' : 'bare'}, updates, downgrades, and updates again`, async (t) => {
      const machine = await Installation.open(t, registry, { asExecutable: true, program: programs['1.0.0'] })
      const { stage } = machine
      if (npm === 'without') stage.env.PATH = `${join(stage.dir, 'no-such-folder')}:/bin`
      await machine.hub()
      if (supervised) {
        const supervisor = machine.supervise()
        t.after(() => supervisor.stop())
      } else await stage.daemon()
      await machine.runs('1.0.0')
      const agent = await stage.start()
      const { pid } = await stage.agent(agent)
      for (const version of ['1.1.0', '1.0.0', '1.1.0']) {
        const outcome = await machine.order(version, { allow_downgrade: true })
        assert.equal(outcome.state, 'succeeded', JSON.stringify(outcome))
        t.diagnostic(`${version} in ${outcome.result?.duration_ms} ms`)
        await machine.runs(version)
        assert.equal(await machine.version(), version)
      }
      assert.equal((await stage.agent(agent)).pid, pid)
    })
