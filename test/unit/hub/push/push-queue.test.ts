import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as others } from 'node:timers/promises'
import { PushQueue } from '../../../../src/hub/push/push-queue.ts'
import type { PushAnswer } from '../../../../src/hub/push/push-services.ts'
import type { Subscription } from '../../../../src/hub/registry/subscriptions.ts'
import { createLogger } from '../../../../src/platform/log.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const subscription = (id: string, key_id = id): Subscription => ({
  subscription_id: id,
  key_id,
  endpoint: `https://push.example.com/${id}`,
  p256dh: '',
  auth: '',
  created_at: '',
})

interface Sent {
  id: string
  need: string
  answer(answer: PushAnswer | Error): Promise<void>
}

/** A queue whose sent notifications a test answers. */
function staged() {
  const clock = new ManualClock()
  const sent: Sent[] = []
  const known = new Map<string, Subscription>()
  const dropped: string[] = []
  const problems = new Map<string, string | undefined>()
  const queue = new PushQueue({
    subscriptions: {
      accepted: async (id) => known.get(id),
      recheck: async () => {},
      drop: async (id) => void dropped.push(id),
      onSent: (id, problem) => void problems.set(id, problem),
    },
    send: ({ subscription_id: id }, { need }) =>
      new Promise((resolve, reject) =>
        sent.push({
          id,
          need,
          async answer(answer) {
            if (answer instanceof Error) reject(answer)
            else resolve(answer)
            await others()
          },
        }),
      ),
    clock,
    logger: createLogger({ level: 'silent', stderr: 'none' }),
  })
  const add = async (to: Subscription, ...needs: string[]) => {
    known.set(to.subscription_id, to)
    for (const need of needs) queue.add(to, { key: 'agent', need })
    await others()
  }
  return { queue, clock, sent, known, dropped, problems, add }
}

const ok = { status: 201, retryAfter: undefined }
const names = (count: number) => Array.from({ length: count }, (_, n) => `n${n}`)

test('a key has few requests at a time, and others do not wait for them', async () => {
  const { sent, add } = staged()
  await add(subscription('silent 1', 'hostile'), ...names(10))
  await add(subscription('silent 2', 'hostile'), ...names(10))
  await add(subscription('phone', 'ada'), 'n')
  assert.deepEqual(sent.map(({ id }) => id).sort(), ['phone', 'silent 1', 'silent 1', 'silent 1'])
  for (let key = 0; key < 10; key++) await add(subscription(`key ${key}`), ...names(10))
  assert.equal(sent.length, 12)
})

test('a subscription has at most 64 notifications that wait', async () => {
  const { sent, add } = staged()
  await add(subscription('phone'), ...names(100))
  for (let n = 0; n < sent.length; n++) await sent[n]!.answer(ok)
  assert.deepEqual(
    sent.map(({ need }) => need),
    names(64),
  )
  await add(subscription('phone'), 'next')
  assert.equal(sent.at(-1)?.need, 'next')
})

test('a push service that is overloaded is tried again when it permits it, at most five times', async () => {
  const { sent, add, clock, problems } = staged()
  await add(subscription('phone'), 'n')
  for (let attempt = 1; attempt < 5; attempt++) {
    assert.equal(sent.length, attempt)
    await sent[attempt - 1]!.answer({ status: attempt % 2 === 0 ? 429 : 500, retryAfter: '60' })
    clock.pass(59_999)
    await others()
    assert.equal(sent.length, attempt)
    clock.pass(1)
    await others()
  }
  assert.equal(problems.get('phone'), 'the push service answered 429')
  await sent[4]!.answer({ status: 503, retryAfter: '60' })
  clock.pass(24 * 60 * 60 * 1000)
  await others()
  assert.equal(sent.length, 5)
})

test('a push service cannot demand a pause of more than ten minutes', async () => {
  const { sent, add, clock } = staged()
  await add(subscription('phone'), 'n')
  await sent[0]!.answer({ status: 429, retryAfter: '999999999' })
  clock.pass(600_000)
  await others()
  assert.equal(sent.length, 2)
})

test('a lost connection is tried again, and a refused notification is not', async () => {
  const { sent, add, clock, dropped } = staged()
  await add(subscription('phone'), 'n')
  await sent[0]!.answer(new Error('read ECONNRESET'))
  clock.pass(60_000)
  await others()
  assert.equal(sent.length, 2)
  await sent[1]!.answer({ status: 403, retryAfter: '1' })
  clock.pass(600_000)
  await others()
  assert.equal(sent.length, 2)
  assert.deepEqual(dropped, [])
})

test('nothing is sent to a subscription that has ended in the meantime, or after the end of the hub', async () => {
  const { sent, add, clock, known, queue } = staged()
  await add(subscription('phone'), 'n')
  await sent[0]!.answer({ status: 503, retryAfter: '1' })
  known.delete('phone')
  clock.pass(1000)
  await others()
  assert.equal(sent.length, 1)
  await add(subscription('other'), 'n')
  await sent[1]!.answer({ status: 503, retryAfter: '1' })
  queue.close()
  clock.pass(1000)
  await add(subscription('other'), 'n')
  assert.equal(sent.length, 2)
})
