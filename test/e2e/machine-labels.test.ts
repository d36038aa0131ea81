import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { HubMachine } from '../../src/protocol/index.ts'
import { Stage } from '../support/stage.ts'

test('a machine reports labels from its settings, and people select machines by labels', async (t) => {
  const stage = await Stage.open(t)
  await stage.hub()
  await stage.daemon({ FOMULAR_LABEL: 'site=berlin,rack=7' })
  const cli = async (...args: string[]) => {
    const run = stage.run(['machine', ...args])
    return { code: await run.ended, text: run.log() }
  }
  const machine = async () =>
    (JSON.parse((await cli('list', '--json')).text) as { machines: HubMachine[] }).machines[0]!
  assert.deepEqual((await machine()).own_labels, { site: 'berlin', rack: '7' })
  assert.match((await cli('list')).text, /Reports: site=berlin, rack=7/)

  const none = await cli('group', 'canary', '--label', 'site=rome')
  assert.notEqual(none.code, 0)
  assert.match(none.text, /No machine has this label/)
  assert.notEqual((await cli('group', 'canary', 'x', '--label', 'site=berlin')).code, 0)
  const found = await cli('group', 'canary', '--label', 'site=berlin', '--label', 'rack=7')
  assert.equal(found.code, 0, found.text)
  assert.equal((await machine()).group, 'canary')

  // A label of the hub replaces the machine's own label.
  const { machine_id } = await machine()
  assert.equal((await cli('label', machine_id, 'site=rome')).code, 0)
  assert.notEqual((await cli('group', 'office', '--label', 'site=berlin')).code, 0)
  assert.equal((await cli('group', 'office', '--label', 'site=rome')).code, 0)
  assert.equal((await machine()).group, 'office')
  assert.match((await cli('list')).text, /Group: office\. Labels: site=rome\. Reports: site=berlin, rack=7/)
})

test('an enrollment writes the labels to the configuration', async (t) => {
  const stage = await Stage.open(t)
  await stage.hub()
  const { token } = (await stage.api('POST', '/api/enrolments', {})) as { token: string }
  const config = join(stage.dir, 'machine/config.toml')
  const args = ['enroll', '--server-url', stage.hubUrl, '--config', config]
  const enroll = (...labels: string[]) =>
    stage.run([...args, ...labels.flatMap((label) => ['--label', label])], { FOMULAR_ENROLL_TOKEN: token })
  const wrong = enroll('site')
  assert.notEqual(await wrong.ended, 0)
  assert.match(wrong.log(), /--label is "site", but must be/)
  const right = enroll('site=berlin', 'rack=7')
  assert.equal(await right.ended, 0, right.log())
  assert.match(readFileSync(config, 'utf8'), /^label = "site=berlin,rack=7"$/m)
})
