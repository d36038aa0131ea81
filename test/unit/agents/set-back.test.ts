import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, cpSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AgentPool } from '../../../src/agents/agent-pool.ts'
import { launcherLine } from '../../../src/agents/events/decode.ts'
import { ServerOffsets } from '../../../src/daemon/server-offsets.ts'
import { Outbox } from '../../../src/link/outbox.ts'
import { createLogger } from '../../../src/platform/log.ts'
import type { Activity, AnyEvent, Welcome } from '../../../src/protocol/index.ts'
import { agentsIn, leftAgent } from '../../support/agents.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { type Cleanup, tempDir } from '../../support/temp.ts'
import { until } from '../../support/wait.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })

/** An agent that has ended, and the part of the daemon that sends its journal. */
class Machine {
  readonly dir: string
  readonly clock = new ManualClock()
  readonly #backup: string
  agents!: AgentPool
  #standing!: ServerOffsets
  #outbox!: Outbox
  /** Frames sent since the last welcome. */
  frames = [] as Activity[]

  constructor(t: Cleanup) {
    const dir = tempDir(t)
    this.dir = join(dir, 'agents')
    this.#backup = join(dir, 'backup')
    const left = leftAgent(this.dir, 'a')
    left.started()
    left.exited()
    this.start()
    t.after(() => this.agents.close())
  }

  at = (name: string) => join(this.dir, 'a', name)

  get agent() {
    return this.agents.get('a')
  }

  get size() {
    return statSync(this.at('activity.jsonl')).size
  }

  start() {
    this.agents = agentsIn(this.dir, { onGrowth: () => {} })
    this.agents.adopt()
    this.#outbox = new Outbox({ isBusy: false, send: (frame) => void this.frames.push(frame) })
    this.#standing = new ServerOffsets({
      agents: this.agents,
      outbox: this.#outbox,
      clock: this.clock,
      logger,
    })
  }

  /** @param clean whether the daemon saves its cursors */
  stop({ clean = true } = {}) {
    this.part()
    const cursor = readFileSync(this.at('cursor.json'))
    this.agents.close()
    if (!clean) writeFileSync(this.at('cursor.json'), cursor)
  }

  backUp() {
    cpSync(this.dir, this.#backup, { recursive: true })
  }

  /**
   * Replaces the folder with the backup, while no daemon is running.
   * @param inPlace overwrites the files, which keep their inodes
   */
  setBack({ inPlace = false } = {}) {
    this.stop()
    if (!inPlace) rmSync(this.dir, { recursive: true })
    // File timestamps advance in steps of at most 10 ms.
    for (const made = Date.now(); Date.now() < made + 20; );
    if (inPlace) {
      rmSync(this.at('generations.json'), { force: true })
      // Node's own copying deletes a file before it creates it again.
      execFileSync('cp', ['-r', `${this.#backup}/.`, this.dir])
    } else cpSync(this.#backup, this.dir, { recursive: true })
    this.start()
  }

  part() {
    this.#standing.onDisconnected()
  }

  /** Takes in a server's welcome; `frames` then holds the frames sent. @returns the fault, if any */
  welcome(welcome: Pick<Welcome, 'offsets' | 'journals'>) {
    this.frames = []
    const [wrong] = this.#standing.onWelcome({
      type: 'server:welcome',
      protocol: { version: 1 },
      server_version: '',
      capabilities: [],
      ...welcome,
    })
    return wrong
  }

  acknowledge(offset: number) {
    return this.#standing.onAck({ type: 'agent:ack', offsets: { a: offset } })[0]
  }

  resend(from: number) {
    return this.#standing.onResend({ type: 'agent:resend', agent_id: 'a', from })[0]
  }

  says(...words: string[]) {
    for (const word of words) appendFileSync(this.at('activity.jsonl'), `{"type":"new","said":"${word}"}\n`)
    while (this.agent.catchUp());
    this.#outbox.offer(this.agent)
  }

  get end() {
    return this.agent.status().end
  }
}

/** Returns the words of these frames, each of which must begin where the previous one ended. */
function said(frames: Activity[]): string[] {
  for (const [n, { from }] of frames.entries()) if (n > 0) assert.equal(from, frames[n - 1]!.to)
  return words(frames.flatMap(({ events }) => events))
}

const words = (events: AnyEvent[]) =>
  events.map((event) => {
    if (event.kind === 'unknown') return String((event as unknown as { raw: { said: string } }).raw.said)
    return event.kind
  })

/** Returns a machine rolled back to a backup, with a server that has more than the backup. */
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

test('a journal that was rolled back continues after the server’s position, and marks the missing part', (t) => {
  const { machine, kept, had } = setBack(t)
  // Before the server is back.
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

  // A new daemon, and a server that has lost everything: the whole journal is sent, without the hole.
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

test('a journal that was rolled back is detected even after it has outgrown the server’s position', (t) => {
  const { machine, had } = setBack(t)
  machine.says(...Array.from({ length: 100 }, (_, n) => `again ${n}`))
  // The first daemon ends before a server is connected.
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

test('a daemon killed while connected is not mistaken for a machine that was rolled back', (t) => {
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

test('a journal generation that this machine never had is not part of its journal', (t) => {
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
  // The server has less than was acknowledged, from another journal: all of this journal is new to it.
  assert.equal(machine.welcome({ offsets: { a: 3 }, journals: { a: 'of-another' } }), undefined)
  assert.equal(machine.frames[0]?.from, 3)
  const all = ['process_started', 'process_exited', 'one', 'set_back', 'two']
  assert.deepEqual(said(machine.frames), ['set_back', ...all])
  machine.stop()
  machine.start()
  machine.welcome({ offsets: {} })
  assert.deepEqual(said(machine.frames), ['set_back', ...all])
})

test('an agent that appends while its journal is being moved loses nothing', async (t) => {
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
  await until(() => numbers().at(-1) === '19999', { what: 'the last of it' })
  assert.equal(new Set(numbers()).size, 20000)
  assert.equal(numbers().length, 20000)
})

test('a server with an impossible position gets an error, and never half a line', (t) => {
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
  // The server corrects itself.
  assert.equal(machine.resend(end), undefined)
  assert.deepEqual(said(machine.frames), ['three', 'three', 'three'])
  machine.part()
  // The server never corrects itself.
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

/** Returns a machine that wrote `two` while it had no server. */
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
  test(`a restored machine does not send again what the server already has${inPlace ? ', even with the same inodes' : ''}`, (t) => {
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

test('a server that has exactly what the backup holds continues from there', (t) => {
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

test('activity that an earlier version sent is not mistaken for a machine that was rolled back', (t) => {
  const machine = withoutServer(t)
  machine.stop()
  // The earlier version deletes dot files, sends, and is killed before it saves its position.
  rmSync(join(machine.dir, '.told'), { recursive: true })
  appendFileSync(machine.at('activity.jsonl'), '{"type":"new","said":"of the earlier version"}\n')
  const had = machine.size
  machine.start()
  machine.says('again')
  assert.equal(machine.welcome({ offsets: { a: had } }), undefined)
  assert.deepEqual(said(machine.frames), ['again'])
  assert.equal(machine.agent.status().journal, undefined)
})
