import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Readings } from '../../../../src/hub/registry/readings.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

test('two requests that wait cannot have the same id, because the limits count ids', async () => {
  const sent: object[] = []
  const link = { capabilities: ['workspace:file'], send: (command: object) => sent.push(command) }
  const readings = new Readings({ machines: { link: () => link as never }, clock: new ManualClock() })
  const read = (command_id: string) =>
    readings.read<'workspace:file'>('m', {
      ...{ type: 'workspace:file', agent_id: 'a', path: 'x', from_line: 1, lines: 1 },
      command_id,
    })
  const first = read('1')
  await assert.rejects(read('1'), { code: 'command_exists' })
  assert.equal(sent.length, 1)
  readings.onDisconnected('m')
  await assert.rejects(first, { code: 'machine_offline' })
})
