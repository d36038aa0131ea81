import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { agentFolder } from '../../../../src/agents/disk/folder.ts'
import { Inbox } from '../../../../src/agents/disk/inbox.ts'
import type { Input } from '../../../../src/agents/runtimes/conversation.ts'
import { type Cleanup, tempDir } from '../../../support/temp.ts'

const input = (kind: Input['kind'], id: string, line = `{"id":"${id}"}`): Input => ({ kind, id, line })
const prompt = (id: string) => input('prompt', id)
const control = (id: string) => input('control', id)

function folder(t: Cleanup) {
  const folder = agentFolder(join(tempDir(t), 'agent'))
  for (const dir of [folder.dir, folder.inbox, folder.fed]) mkdirSync(dir, { mode: 0o700 })
  return folder
}

const names = (dir: string) =>
  readdirSync(dir)
    .sort()
    .map((name) => name.replace(/^\d+_/, ''))

/** Acts as the agent’s feeder, and takes all lines in order. @returns the lines */
function feed({ inbox, fed }: ReturnType<typeof folder>): string[] {
  return readdirSync(inbox)
    .sort()
    .map((name) => {
      renameSync(join(inbox, name), join(fed, name))
      return readFileSync(join(fed, name), 'utf8')
    })
}

test('each input is fed once and in order, except that an urgent input is fed first', (t) => {
  const at = folder(t)
  const inbox = new Inbox(at)
  inbox.put(prompt('p1'))
  inbox.put(control('c1'))
  inbox.put(prompt('p2'))
  inbox.put(prompt('p1'))
  inbox.put(control('init'), { first: true })
  assert.deepEqual(feed(at), ['{"id":"init"}\n', '{"id":"p1"}\n', '{"id":"c1"}\n', '{"id":"p2"}\n'])
  inbox.put(prompt('p2'))
  assert.deepEqual(feed(at), [])
  assert.equal(inbox.unsettledCount, 2)
})

test('only the owner of an agent can read its inputs', (t) => {
  const at = folder(t)
  new Inbox(at).put(prompt('p1'))
  const [name] = readdirSync(at.inbox)
  assert.equal(statSync(join(at.inbox, name!)).mode & 0o777, 0o600)
  assert.equal(statSync(at.inputs).mode & 0o777, 0o600)
})

test('the next daemon knows the accepted inputs, and continues their numbering', (t) => {
  const at = folder(t)
  const before = new Inbox(at)
  for (const id of ['p1', 'p2', 'p3']) before.put(prompt(id))
  feed(at)
  before.put(prompt('p4'))
  before.settle('p1')
  const after = new Inbox(at)
  assert.deepEqual(
    [after.unsettledCount, after.hasAccepted('p1'), after.hasAccepted('p4'), after.hasAccepted('p5')],
    [3, true, true, false],
  )
  after.put(prompt('p1'))
  after.put(prompt('p5'))
  assert.deepEqual(names(at.inbox), ['prompt_p4', 'prompt_p5'])
})

test('if a crash of the machine cuts off an id, no other id is corrupted, and the id is recovered from its file', (t) => {
  const at = folder(t)
  const before = new Inbox(at)
  before.put(prompt('p1'))
  appendFileSync(at.inputs, '\np')
  const after = new Inbox(at)
  after.put(prompt('p2'))
  assert.deepEqual(
    ['p1', 'p2'].map((id) => new Inbox(at).hasAccepted(id)),
    [true, true],
  )
})

test('a new run gets the unacknowledged prompts of the last run in order, but none of its control requests', (t) => {
  const at = folder(t)
  const inbox = new Inbox(at)
  inbox.put(prompt('has'))
  inbox.put(control('old'))
  inbox.put(prompt('took'))
  feed(at)
  inbox.settle('has')
  inbox.put(control('waiting'))
  inbox.put(prompt('waits'))
  inbox.requeue()
  inbox.put(control('init'), { first: true })
  assert.deepEqual([names(at.inbox), names(at.fed)], [['control_init', 'prompt_took', 'prompt_waits'], []])
})

test('an acknowledged input is deleted, and a second or unknown acknowledgment changes nothing', (t) => {
  const at = folder(t)
  const inbox = new Inbox(at)
  inbox.put(prompt('p1'))
  feed(at)
  for (const id of ['p1', 'p1', 'other']) inbox.settle(id)
  assert.deepEqual([inbox.unsettledCount, names(at.fed)], [0, []])
})

test('a put that fails accepts no input and leaves no file behind', (t) => {
  const whole = folder(t)
  const log = join(whole.dir, 'log')
  const at = { ...whole, inputs: join(log, 'inputs.jsonl') }
  const inbox = new Inbox(at)
  assert.throws(() => inbox.put(prompt('p1'), { marks: ['m'] }), { code: 'ENOENT' })
  assert.deepEqual([inbox.hasAccepted('p1'), inbox.hasAccepted('m'), inbox.unsettledCount], [false, false, 0])
  assert.deepEqual(readdirSync(at.dir).sort(), ['fed', 'in'])
  mkdirSync(log)
  inbox.put(prompt('p1'))
  assert.deepEqual(names(at.inbox), ['prompt_p1'])
})

test('an input and its marks are accepted at once, even if the feeder can get the input only later', (t) => {
  const at = folder(t)
  const inbox = new Inbox(at)
  renameSync(at.inbox, `${at.inbox}-away`)
  inbox.put(prompt('p1'), { marks: ['m'] })
  assert.deepEqual([inbox.hasAccepted('p1'), inbox.hasAccepted('m'), inbox.unsettledCount], [true, true, 1])
  renameSync(`${at.inbox}-away`, at.inbox)
  assert.ok(inbox.waiting)
  assert.deepEqual(names(at.inbox), ['prompt_p1'])
})

test('if a daemon is killed during a put, the next daemon completes or undoes the put', (t) => {
  const at = folder(t)
  new Inbox(at).put(prompt('p1'))
  writeFileSync(join(at.dir, '000000000002_prompt_p2.1.tmp'), 'whole\n')
  writeFileSync(join(at.dir, '000000000003_control_c3.1.tmp'), 'ha')
  appendFileSync(at.inputs, '\np2')
  const next = new Inbox(at)
  assert.deepEqual(names(at.inbox), ['prompt_p1', 'prompt_p2'])
  assert.deepEqual([next.unsettledCount, next.hasAccepted('p2'), next.hasAccepted('c3')], [2, true, false])
  assert.deepEqual(readdirSync(at.dir).sort(), ['fed', 'in', 'inputs.jsonl'])
})

test('each put writes to the bell pipe, but does not wait if the pipe is full or has no reader', (t) => {
  const at = folder(t)
  const inbox = new Inbox(at)
  inbox.put(prompt('p1'))
  execFileSync('mkfifo', [at.bell])
  inbox.put(prompt('p2'))
  const bell = openSync(at.bell, constants.O_RDWR | constants.O_NONBLOCK)
  inbox.put(prompt('p3'))
  const rings = Buffer.alloc(10)
  assert.equal(readSync(bell, rings), 1)
  // This is more than a pipe can buffer.
  for (let i = 0; i < 70_000; i++) inbox.ring()
  inbox.put(prompt('p4'))
  assert.equal(names(at.inbox).length, 4)
})

test('the inbox feeds every line once, and prompts in order, across any sequence of daemon restarts', (t) => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fc.constant('put'), fc.constantFrom('prompt', 'control'), fc.nat(20)) },
    { weight: 2, arbitrary: fc.constant(['feed'] as const) },
    { weight: 1, arbitrary: fc.constant(['new daemon'] as const) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const at = folder(t)
      let inbox = new Inbox(at)
      const put: string[] = []
      const fed: string[] = []
      for (const [what, kind, id] of steps) {
        if (what === 'feed') fed.push(...feed(at))
        else if (what === 'new daemon') inbox = new Inbox(at)
        else {
          const it = input(kind as Input['kind'], `${kind}-${id}`)
          if (!inbox.hasAccepted(it.id)) put.push(`${it.line}\n`)
          inbox.put(it)
        }
      }
      fed.push(...feed(at))
      assert.deepEqual(fed, put)
    }),
    { numRuns: 60 },
  )
})
