import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { agentFolder } from '../../../../src/agents/disk/folder.ts'
import { Inbox } from '../../../../src/agents/disk/inbox.ts'
import { type Cleanup, tempDir } from '../../../support/temp.ts'

function folder(t: Cleanup) {
  const folder = agentFolder(join(tempDir(t), 'agent'))
  for (const dir of [folder.dir, folder.inbox, folder.fed]) mkdirSync(dir, { mode: 0o700 })
  return folder
}

const prompt = (id: string) => ({ kind: 'prompt', id, line: `{"id":"${id}"}` }) as const
const event = (prompt_id: string, state: 'queued' | 'started' | 'cancelled') =>
  ({ kind: 'prompt_state', prompt_id, state, offset: 0, index: 0 }) as const

/** Acts as the agent’s feeder, and takes all lines. */
function feed({ inbox, fed }: ReturnType<typeof folder>) {
  for (const name of readdirSync(inbox)) renameSync(join(inbox, name), join(fed, name))
}

const waiting = (inbox: Inbox) => [...inbox.unsettled].map(({ id }) => id)

test('a prompt that the feeder has not taken is withdrawn, and no later run gets it', (t) => {
  const at = folder(t)
  const inbox = new Inbox(at)
  for (const id of ['p1', 'p2']) inbox.put(prompt(id))
  inbox.withdraw('p1')
  assert.deepEqual([waiting(inbox), inbox.isWithdrawn('p1')], [['p2'], true])
  inbox.put(prompt('p1'))
  inbox.requeue()
  assert.deepEqual(
    readdirSync(at.inbox).map((name) => readFileSync(join(at.inbox, name), 'utf8')),
    ['{"id":"p2"}\n'],
  )
  const later = new Inbox(at)
  assert.deepEqual([waiting(later), later.isWithdrawn('p1'), later.isWithdrawn('p2')], [['p2'], true, false])
})

test('a prompt that an agent had when it ended is withdrawn', (t) => {
  const at = folder(t)
  const inbox = new Inbox(at)
  inbox.put(prompt('p1'))
  feed(at)
  inbox.withdraw('p1')
  inbox.requeue()
  assert.deepEqual([readdirSync(at.inbox), readdirSync(at.fed), inbox.isWithdrawn('p1')], [[], [], true])
})

test('a prompt that the agent drops before it begins is withdrawn, but not a prompt that it has begun', (t) => {
  const at = folder(t)
  const inbox = new Inbox(at)
  for (const id of ['dropped', 'begun']) inbox.put(prompt(id))
  feed(at)
  for (const id of ['dropped', 'begun']) inbox.heard(event(id, 'queued'))
  inbox.heard(event('dropped', 'cancelled'))
  inbox.heard(event('begun', 'started'))
  inbox.heard(event('begun', 'cancelled'))
  for (const each of [inbox, new Inbox(at)])
    assert.deepEqual([each.isWithdrawn('dropped'), each.isWithdrawn('begun')], [true, false])
})

test('a prompt that the history calls withdrawn is not given to the agent', (t) => {
  const at = folder(t)
  const inbox = new Inbox(at)
  inbox.put(prompt('p1'))
  inbox.heard(event('p1', 'cancelled'))
  assert.deepEqual([readdirSync(at.inbox), inbox.isWithdrawn('p1')], [[], true])
})

test('a withdrawal that a kill interrupted is completed by the next daemon', (t) => {
  const at = folder(t)
  const killed = new Inbox(at)
  killed.put(prompt('p1'))
  const [name] = readdirSync(at.inbox)
  renameSync(join(at.inbox, name!), join(at.dir, `${name}.withdrawn`))
  const inbox = new Inbox(at)
  assert.deepEqual([waiting(inbox), inbox.isWithdrawn('p1')], [[], true])
  assert.deepEqual(readdirSync(at.dir).sort(), ['fed', 'in', 'inputs.jsonl'])
})

test('the line of a waiting prompt can be read, whether the feeder has taken it or not', (t) => {
  const at = folder(t)
  const inbox = new Inbox(at)
  inbox.put(prompt('p1'))
  const [entry] = inbox.unsettled
  const [name] = readdirSync(at.inbox)
  const read = { line: '{"id":"p1"}\n', since: statSync(join(at.inbox, name!)).mtime.toISOString() }
  assert.deepEqual(inbox.read(entry!, 100), read)
  feed(at)
  assert.deepEqual(inbox.read(entry!, 100), read)
  assert.equal(inbox.read(entry!, 5), undefined)
  inbox.settle('p1')
  assert.equal(inbox.read(entry!, 100), undefined)
})
