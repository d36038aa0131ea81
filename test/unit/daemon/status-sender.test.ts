import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StatusSender } from '../../../src/daemon/status-sender.ts'
import type { FromDaemon, MachineStatus } from '../../../src/protocol/index.ts'

test('a status that changes while an earlier status is being sent is also sent', async () => {
  const sent: unknown[] = []
  const status = (revision: number) => ({ revision }) as MachineStatus
  const sender: StatusSender = new StatusSender({
    isUp: true,
    isBusy: false,
    send(message: FromDaemon) {
      if (sent.length === 0) sender.onMachine(() => status(2))
      return sent.push((message as MachineStatus).revision) > 0
    },
  })
  sender.onMachine(() => status(1))
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(sent, [1, 2])
})
