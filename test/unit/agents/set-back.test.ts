import assert from 'node:assert/strict'
import { appendFileSync, copyFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { launcherLine } from '../../../src/agents/events/decode.ts'
import { beginRest } from '../../../src/agents/process/rest.ts'
import { endWait } from '../../../src/daemon/usage-limits.ts'
import { Machine, said } from '../../support/set-back-machine.ts'
import type { Cleanup } from '../../support/temp.ts'
import { until } from '../../support/wait.ts'

const RESET = '2027-01-01T00:00:00.000Z'
/** Lines of an agent whose turn ends at the usage limit of its account, before the agent ends. */
const LIMITED = [
  launcherLine({ subtype: 'started', run: 1 }),
  '{"type":"system","subtype":"session_state_changed","state":"running"}',
  `{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","rateLimitType":"five_hour","resetsAt":${Date.parse(RESET) / 1000}}}`,
  '{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"api_error":"usage_limit_reached"}',
  '{"type":"system","subtype":"session_state_changed","state":"idle"}',
  launcherLine({ subtype: 'exited', run: 1, code: 0 }),
].join('\n')

/** Returns a machine that was rolled back to a backup, while its server has more data than the backup. */
function setBack(t: Cleanup) {
  const machine = new Machine(t)
  machine.welcome({ offsets: {} })
  machine.says('one')
  machine.acknowledge(machine.end)
  machine.agent.save()
  machine.backUp()
  const kept = machine.end
  machine.says('two', 'three')
  machine.acknowledge(machine.end)
  const had = machine.end
  machine.setBack()
  return { machine, kept, had }
}

test('a journal that was rolled back continues at the server’s position, and a mark shows the missing part', (t) => {
  const { machine, kept, had } = setBack(t)
  // The agent writes before the server is connected again.
  machine.says('again')
  assert.equal(machine.welcome({ offsets: { a: had } }), undefined)
  machine.says('after')
  assert.equal(machine.frames[0]?.from, had)
  assert.deepEqual(said(machine.frames), ['set_back', 'again', 'after'])
  const { journal, end } = machine.agent.status()
  const [mark] = machine.frames[0]!.events
  const expected = { kind: 'set_back', offset: had, index: 0, journal, from: kept, to: had, time: mark?.time }
  assert.deepEqual(mark, expected)
  assert.ok(journal)
  assert.ok(machine.frames.every((frame) => frame.journal === journal))
  assert.equal(end, machine.size)

  // To a server that has lost everything, a new daemon sends the whole journal except the hole.
  machine.acknowledge(end)
  machine.stop()
  machine.start()
  assert.equal(machine.welcome({ offsets: { a: end }, journals: { a: journal } }), undefined)
  assert.equal(machine.frames.length, 0)
  machine.part()
  machine.welcome({ offsets: {} })
  assert.equal(machine.frames[0]?.from, 0)
  assert.deepEqual(said(machine.frames).slice(-4), ['one', 'set_back', 'again', 'after'])
  assert.deepEqual(new Set(machine.frames.map((frame) => frame.journal)), new Set([undefined, journal]))
})

test('a rollback of a journal is detected even after the journal has grown past the server’s position', (t) => {
  const { machine, had } = setBack(t)
  machine.says(...Array.from({ length: 100 }, (_, n) => `again ${n}`))
  // The first daemon ends before it is connected to a server.
  machine.stop()
  machine.start()
  assert.ok(machine.end > had)
  assert.equal(machine.welcome({ offsets: { a: had } }), undefined)
  assert.equal(machine.frames[0]?.from, had)
  assert.deepEqual(said(machine.frames).slice(0, 3), ['set_back', 'again 0', 'again 1'])
  assert.equal(said(machine.frames).length, 101)
  assert.equal(machine.frames.at(-1)?.to, machine.size)
})

test('a journal can be rolled back repeatedly', (t) => {
  const { machine, had } = setBack(t)
  machine.welcome({ offsets: { a: had } })
  machine.acknowledge(machine.end)
  machine.stop()
  machine.start()
  machine.says('again')
  machine.welcome({ offsets: { a: had + 5000 } })
  assert.deepEqual(said(machine.frames), ['set_back', 'again'])
  assert.equal(machine.frames[0]?.from, had + 5000)
  machine.part()
  machine.welcome({ offsets: {} })
  assert.deepEqual(said(machine.frames).slice(-4), ['one', 'set_back', 'set_back', 'again'])
})

test('after a connected daemon was killed, the machine does not appear to have been rolled back', (t) => {
  const machine = new Machine(t)
  machine.agent.save()
  machine.stop()
  machine.start()
  machine.welcome({ offsets: {} })
  machine.says('one', 'two')
  machine.stop({ clean: false })
  machine.start()
  assert.equal(machine.welcome({ offsets: { a: machine.end } }), undefined)
  assert.equal(machine.agent.status().journal, undefined)
})

test('if the server’s data is from a journal generation that this machine never had, the machine does not treat the data as its own', (t) => {
  const machine = new Machine(t)
  machine.welcome({ offsets: {} })
  machine.says('one')
  machine.acknowledge(machine.end)
  const had = machine.end
  machine.says('two')
  machine.part()
  assert.equal(machine.welcome({ offsets: { a: had }, journals: { a: 'of-a-copy' } }), undefined)
  assert.deepEqual(said(machine.frames), ['set_back', 'two'])
  machine.acknowledge(machine.end)
  machine.part()
  // The server has less data than it acknowledged, and the data is from another journal. Therefore,
  // this whole journal is new to the server.
  assert.equal(machine.welcome({ offsets: { a: 3 }, journals: { a: 'of-another' } }), undefined)
  assert.equal(machine.frames[0]?.from, 3)
  const all = ['process_started', 'process_exited', 'one', 'set_back', 'two']
  assert.deepEqual(said(machine.frames), ['set_back', ...all])
  machine.stop()
  machine.start()
  machine.welcome({ offsets: {} })
  assert.deepEqual(said(machine.frames), ['set_back', ...all])
})

test('no line is lost if an agent appends while its journal is being moved', async (t) => {
  const { machine, had } = setBack(t)
  appendFileSync(machine.at('activity.jsonl'), launcherLine({ subtype: 'started', run: 1 }))
  const writer = (await import('node:child_process')).spawn(
    process.execPath,
    [
      '-e',
      `const { appendFileSync } = require('node:fs')
       for (let n = 0; n < 20000; n++) appendFileSync(process.argv[1], '{"type":"new","said":"' + n + '"}\\n')`,
      machine.at('activity.jsonl'),
    ],
    { stdio: 'ignore' },
  )
  t.after(() => writer.kill('SIGKILL'))
  const gone = new Promise((resolve) => writer.once('exit', resolve))
  await until(() => machine.size > had, { what: 'a journal that grows' })
  machine.agent.catchUp()
  assert.ok(!machine.agent.hasEnded)
  machine.welcome({ offsets: { a: had } })
  await gone
  const numbers = () => {
    while (machine.agent.catchUp());
    machine.says()
    machine.acknowledge(machine.frames.at(-1)!.to)
    return said(machine.frames).filter((word) => /^\d+$/.test(word))
  }
  await until(() => numbers().at(-1) === '19999', { what: 'the last line of the journal' })
  assert.equal(new Set(numbers()).size, 20000)
  assert.equal(numbers().length, 20000)
})

test('if the server names an impossible position, it gets an error, and the machine never sends part of a line', (t) => {
  const machine = new Machine(t)
  machine.welcome({ offsets: {} })
  machine.says('one', 'two')
  machine.acknowledge(machine.end)
  const { end } = machine
  const wrong = (fault: { code: string; path?: string | undefined } | undefined) => [fault?.code, fault?.path]
  for (const offset of [end - 1, end - 40, 2, end + 1, 2 ** 50]) {
    machine.frames = []
    assert.deepEqual(wrong(machine.acknowledge(offset)), ['invalid', 'offsets.a'], `ack ${offset}`)
    assert.deepEqual(wrong(machine.resend(offset)), ['invalid', 'from'], `resend ${offset}`)
    assert.equal(machine.frames.length, 0)
  }
  assert.equal(machine.agent.acked, end)
  for (const offset of [end - 1, 2, 2 ** 50]) {
    machine.part()
    assert.deepEqual(
      wrong(machine.welcome({ offsets: { a: offset } })),
      ['invalid', 'offsets.a'],
      `${offset}`,
    )
    machine.says('three')
    assert.equal(machine.frames.length, 0)
  }
  // The server corrects its position.
  assert.equal(machine.resend(end), undefined)
  assert.deepEqual(said(machine.frames), ['three', 'three', 'three'])
  machine.part()
  // The server never corrects its position.
  assert.deepEqual(wrong(machine.welcome({ offsets: { a: 2 } })), ['invalid', 'offsets.a'])
  machine.clock.pass(29_000)
  assert.equal(machine.frames.length, 0)
  machine.clock.pass(1000)
  assert.equal(machine.frames[0]?.from, 2)
  assert.equal(said(machine.frames)[0], 'set_back')
  assert.deepEqual(said(machine.frames).slice(-3), ['three', 'three', 'three'])
  const all = machine.end
  machine.acknowledge(all)
  machine.says('four')
  machine.part()
  assert.deepEqual(wrong(machine.welcome({ offsets: { a: all, nobody: 5 } })), ['invalid', 'offsets.nobody'])
  assert.equal(machine.frames[0]?.from, all)
})

/** Returns a machine whose agent wrote `two` while no server was connected. */
function withoutServer(t: Cleanup) {
  const machine = new Machine(t)
  machine.welcome({ offsets: {} })
  machine.says('one')
  machine.acknowledge(machine.end)
  machine.part()
  machine.says('two')
  machine.agent.save()
  return machine
}

for (const inPlace of [false, true])
  test(`a restored machine does not repeat data that the server already has${inPlace ? ', even with the same inodes' : ''}`, (t) => {
    const machine = withoutServer(t)
    machine.backUp()
    machine.welcome({ offsets: { a: machine.end } })
    machine.says('three')
    machine.acknowledge(machine.end)
    const had = machine.end
    machine.setBack({ inPlace })
    machine.says('again')
    assert.equal(machine.welcome({ offsets: { a: had } }), undefined)
    assert.deepEqual(said(machine.frames), ['set_back', 'again'])
  })

test('if the server and the backup have the same data, the journal continues without a mark', (t) => {
  const machine = withoutServer(t)
  const { end } = machine
  machine.stop()
  machine.backUp()
  machine.start()
  machine.setBack()
  machine.says('again')
  machine.welcome({ offsets: { a: end } })
  assert.deepEqual(said(machine.frames), ['again'])
  assert.equal(machine.agent.status().journal, undefined)
})

test('if an earlier version sent activity, the machine does not appear to have been rolled back', (t) => {
  const machine = withoutServer(t)
  machine.stop()
  // Simulates an earlier version, which deletes dot files, sends activity, and is killed before it saves its
  // position.
  rmSync(join(machine.dir, '.told'), { recursive: true })
  appendFileSync(machine.at('activity.jsonl'), '{"type":"new","said":"of the earlier version"}\n')
  const had = machine.size
  machine.start()
  machine.says('again')
  assert.equal(machine.welcome({ offsets: { a: had } }), undefined)
  assert.deepEqual(said(machine.frames), ['again'])
  assert.equal(machine.agent.status().journal, undefined)
})

for (const isEnded of [true, false])
  test(`${isEnded ? 'an ended' : 'a'} wait for a usage limit ${isEnded ? 'does not begin again' : 'continues'} if its journal is moved and the cursor is lost`, (t) => {
    const machine = new Machine(t)
    appendFileSync(machine.at('activity.jsonl'), LIMITED)
    machine.says('limited')
    machine.agent.limits.order('wait')
    beginRest(machine.agent)
    assert.equal(machine.agent.status().limited?.waits, true)
    if (isEnded) endWait(machine.agent)
    // The server's data is from another journal, so this whole journal moves.
    machine.welcome({ offsets: { a: 3 }, journals: { a: 'of-another' } })
    machine.stop()
    rmSync(machine.at('cursor.json'))
    machine.start()
    assert.deepEqual(machine.agent.status().limited, { until: RESET, ...(!isEnded && { waits: true }) })
  })

test('an ended wait for a usage limit does not begin again if the machine loses power while its journal is moved', (t) => {
  const machine = new Machine(t)
  appendFileSync(machine.at('activity.jsonl'), LIMITED)
  machine.says('limited')
  machine.agent.limits.order('wait')
  beginRest(machine.agent)
  endWait(machine.agent)
  const { generations } = machine.agent
  const begin = generations.begin.bind(generations)
  t.mock.method(generations, 'begin', (...args: Parameters<typeof begin>) => {
    const shift = begin(...args)
    copyFileSync(machine.at('limit.json'), machine.at('limit.during'))
    return shift
  })
  machine.welcome({ offsets: { a: 3 }, journals: { a: 'of-another' } })
  machine.stop()
  renameSync(machine.at('limit.during'), machine.at('limit.json'))
  rmSync(machine.at('cursor.json'))
  machine.start()
  assert.deepEqual(machine.agent.status().limited, { until: RESET })
})
