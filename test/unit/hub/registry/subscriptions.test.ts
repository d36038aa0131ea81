import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Subscriptions } from '../../../../src/hub/registry/subscriptions.ts'
import type { PushRecord } from '../../../../src/hub/store/records.ts'
import type { HubKey } from '../../../../src/protocol/index.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const person = (key_id: string, session_id?: string) => ({
  name: key_id,
  key_id,
  role: 'viewer' as const,
  ...(session_id !== undefined && { session_id }),
})
const browser = (name: string) => ({
  endpoint: `https://push.example.com/${name}`,
  keys: { p256dh: 'p', auth: 'a' },
})

function staged() {
  let records: readonly PushRecord[] = []
  const revoked = new Set<string>()
  const ended = new Set<string>()
  const subscriptions = new Subscriptions({
    store: {
      all: async () => records,
      change: async (edit) => {
        records = edit(records)
      },
    },
    sessions: { has: (id) => !ended.has(id) },
    people: {
      get: (key_id) => (revoked.has(key_id) ? undefined : ({ key_id, name: key_id } as HubKey)),
      callerWithId: async (key_id) => (revoked.has(key_id) ? undefined : person(key_id)),
    },
    clock: new ManualClock(),
  })
  const stored = () => records.flatMap((each) => each.subscriptions.map(({ endpoint }) => endpoint.slice(25)))
  return { subscriptions, revoked, ended, stored }
}

test('the number of subscriptions is limited for each key and for all keys', async () => {
  const { subscriptions, stored } = staged()
  for (let key = 0; key < 62; key++)
    for (let n = 0; n < 17; n++) await subscriptions.add(person(`k${key}`), browser(`${key}-${n}`))
  assert.equal(stored().length, 992)
  assert.ok(!stored().includes('0-0') && stored().includes('0-16'))
  for (let n = 0; n < 8; n++) assert.ok(await subscriptions.add(person('last'), browser(`last-${n}`)))
  assert.equal(await subscriptions.add(person('more'), browser('more')), undefined)
  assert.ok(await subscriptions.add(person('last'), browser('last-0')), 'the same browser again')
  assert.equal(stored().length, 1000)
})

test('a browser belongs to the person who has subscribed last', async () => {
  const { subscriptions } = staged()
  await subscriptions.add(person('ada'), browser('phone'))
  await subscriptions.add(person('bob'), browser('phone'))
  assert.deepEqual(
    subscriptions.wanting('question').map(({ key_id }) => key_id),
    ['bob'],
  )
})

test('subscriptions of ended sessions and revoked keys get nothing, and are removed', async () => {
  const { subscriptions, revoked, ended, stored } = staged()
  const made = [
    await subscriptions.add(person('ada', 's1'), browser('one')),
    await subscriptions.add(person('ada'), browser('two')),
    await subscriptions.add(person('bob'), browser('three')),
  ]
  ended.add('s1')
  revoked.add('bob')
  const accepted = await Promise.all(made.map((each) => subscriptions.accepted(each!.subscription_id)))
  assert.deepEqual(
    accepted.map((each) => each !== undefined),
    [false, true, false],
  )
  await subscriptions.recheck()
  assert.deepEqual(stored(), ['two'])
})

test('a person gets the chosen kinds', async () => {
  const { subscriptions } = staged()
  await subscriptions.add(person('ada'), browser('phone'))
  await subscriptions.choose(person('bob'), ['ended', 'ended', 'kind of a newer hub'])
  await subscriptions.add(person('bob'), browser('desk'))
  assert.deepEqual(subscriptions.kindsOf('bob'), ['ended', 'kind of a newer hub'])
  const wanting = (kind: 'failed' | 'ended') => subscriptions.wanting(kind).map(({ key_id }) => key_id)
  assert.deepEqual([wanting('failed'), wanting('ended')], [['ada'], ['bob']])
})
