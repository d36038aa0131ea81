import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { Agent } from '../../../../src/agents/agent.ts'
import { loadAgent } from '../../../../src/agents/disk/load-agent.ts'
import { launcherLine } from '../../../../src/agents/events/decode.ts'
import { hear } from '../../../../src/agents/events/hear.ts'
import { runOf } from '../../../../src/agents/run-of.ts'
import { claude } from '../../../../src/agents/runtimes/claude/index.ts'
import type { RuntimeAdapter } from '../../../../src/agents/runtimes/runtime.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import type { Event } from '../../../../src/protocol/index.ts'
import { Random } from '../../../chaos/random.ts'
import { leftAgent } from '../../../support/agents.ts'
import { recordings } from '../../../support/claude-samples.ts'
import { merged } from '../../../support/journal.ts'
import { talker } from '../../../support/talker.ts'
import { tempDir } from '../../../support/temp.ts'

/** Number of the agent's present run. Requests of earlier runs get no answers anymore. */
const RUN = 3
const STEPS = 120

/**
 * An agent and a server. The test writes the agent's journal. The server reads the journal, requests earlier
 * parts again, and sometimes loses its own data.
 */
class Read {
  readonly #dir: string
  readonly #at: (name: string) => string
  readonly #runtime: RuntimeAdapter
  readonly #t: TestContext
  agent: Agent
  journal = Buffer.alloc(0)
  #run = 0
  #lineStarts = [0]

  constructor(t: TestContext, runtime: RuntimeAdapter) {
    this.#t = t
    this.#runtime = runtime
    this.#dir = tempDir(t)
    const { at } = leftAgent(this.#dir, 'a', { run: RUN, initialize_id: 'i' })
    this.#at = at
    const spec = JSON.parse(readFileSync(at('spec.json'), 'utf8'))
    writeFileSync(at('spec.json'), JSON.stringify({ ...spec, spec: { ...spec.spec, runtime: runtime.name } }))
    for (let run = 2; run <= RUN; run++) mkdirSync(at(`run.${run}`))
    writeFileSync(at('activity.jsonl'), '')
    this.agent = this.#open()
    t.after(() => this.agent.close())
  }

  get isLast() {
    return this.#run === RUN
  }

  begin() {
    this.says(launcherLine({ subtype: 'started', run: ++this.#run, time: '2026-01-01T00:00:00.000Z' }))
  }

  says(text: string) {
    appendFileSync(this.#at('activity.jsonl'), text)
    const bytes = Buffer.from(text)
    for (const [at, byte] of bytes.entries())
      if (byte === 10) this.#lineStarts.push(this.journal.length + at + 1)
    this.journal = Buffer.concat([this.journal, bytes])
  }

  /**
   * Starts another daemon.
   * @param how `saved` if the earlier daemon saved its cursor, `lost` if the cursor is lost
   */
  restart(how: 'saved' | 'killed' | 'lost') {
    if (how === 'saved') this.agent.save()
    this.agent.close()
    // A journal without its first bytes cannot be read again from its start.
    if (how === 'lost' && this.agent.begin === 0) rmSync(this.#at('cursor.json'), { force: true })
    this.agent = this.#open()
  }

  /** Makes the disk refuse input, or accept it again. */
  fill(full: boolean) {
    const folder = this.agent.folder as { inputs: string }
    folder.inputs = full ? this.#at('gone/inputs.jsonl') : this.#at('inputs.jsonl')
  }

  /** Frees the bytes before a line that the server has. */
  free(random: Random) {
    const { begin, acked } = this.agent
    const starts = this.#lineStarts.filter((start) => start >= begin && start <= acked)
    if (starts.length > 0) this.agent.forget(random.pick(starts))
  }

  acknowledge(random: Random) {
    const { acked, sent } = this.agent
    this.agent.acknowledge(random.pick(this.#lineStarts.filter((start) => start >= acked && start <= sent)))
  }

  rewind(random: Random) {
    const starts = this.#lineStarts.filter((start) => start <= this.agent.snapshot.offset)
    this.agent.rewind(random.pick(starts))
  }

  /** Returns the events of the bytes `[from, to)` that result from a single reading of the whole journal. */
  expected(from: number, to: number): Event[] {
    return this.#all().flatMap(({ start, events }) => (start >= from && start < to ? events : []))
  }

  /** Returns the lines that the agent should receive in its present run, in order. */
  get expectedInputs(): string[] {
    return this.#all().flatMap(({ run, inputs }) => (run === RUN ? inputs.map(({ line }) => line) : []))
  }

  get inputs(): string[] {
    const dir = this.#at('in')
    return readdirSync(dir).map((name) => readFileSync(join(dir, name), 'utf8').trimEnd())
  }

  #all() {
    const { record, run } = this.agent
    const path = this.#at('activity.jsonl')
    const hasAccepted = () => false
    const hearing = { path, conversation: this.#runtime, run: runOf(record, run), hasAccepted }
    let state: unknown
    let runs = 0
    return this.#lineStarts.slice(0, -1).map((start, index) => {
      const end = this.#lineStarts[index + 1]!
      const bytes = this.journal.subarray(start, end - 1)
      // Copies the state as if it were read from a file, so that the states of two lines share no objects.
      const before = state === undefined ? undefined : JSON.parse(JSON.stringify(state))
      const heard = hear({ start, end, bytes, tooLong: false }, before, hearing)
      state = heard.state
      if (heard.events[0]?.kind === 'process_started') runs++
      return { start, run: runs, ...heard }
    })
  }

  #open(): Agent {
    const agent = loadAgent(join(this.#dir, 'a'), {
      runtimes: { [this.#runtime.name]: this.#runtime },
      context: {
        clock: systemClock,
        nextRevision: () => 1,
        redactor: { blank: undefined, redactPart: (part) => part, learn: () => {} },
        toldCounts: true,
        onChange: () => {},
        onEvent: () => {},
        onUnreadable: (_, error) => this.#fail(error),
        onFailure: (_, error) => this.#fail(error),
      },
      onDamaged: (path) => assert.fail(path),
    })
    return agent ?? assert.fail('damaged')
  }

  #fail(error: unknown) {
    this.#t.diagnostic(String(error))
    assert.fail(String(error))
  }
}

type Writer = (random: Random) => string

/** Performs random actions on an agent and its server, and checks each frame and all inputs. */
function play(t: TestContext, runtime: RuntimeAdapter, seed: string, next: Writer) {
  const random = new Random(seed)
  const read = new Read(t, runtime)
  read.begin()
  let full = false
  for (let step = 0; step < STEPS; step++) {
    const deed = random.weighted({
      write: 8,
      send: 8,
      catchUp: 3,
      ack: 4,
      rewind: 3,
      restart: 2,
      free: 1,
      full: 1,
      run: 1,
    })
    if (deed === 'write') for (let n = random.int(1, 5); n > 0; n--) read.says(next(random))
    else if (deed === 'send') {
      const frame = read.agent.read(random.int(1, 2000))
      if (frame) assert.deepEqual(merged(frame.events), merged(read.expected(frame.from, frame.to)), seed)
    } else if (deed === 'catchUp') read.agent.catchUp()
    else if (deed === 'ack') read.acknowledge(random)
    else if (deed === 'rewind') read.rewind(random)
    else if (deed === 'restart') read.restart(random.pick(['saved', 'killed', 'lost']))
    else if (deed === 'free') read.free(random)
    else if (deed === 'full') full = !full
    else if (!read.isLast) read.begin()
    read.fill(full)
  }
  while (!read.isLast) read.begin()
  read.says(next(random))
  read.fill(false)
  read.agent.rewind(0)
  const from = read.agent.sent
  const events: Event[] = []
  for (let frame = read.agent.read(500); frame; frame = read.agent.read(500)) events.push(...frame.events)
  assert.deepEqual(merged(events), merged(read.expected(from, read.journal.length)), seed)
  assert.deepEqual(read.inputs, read.expectedInputs, seed)
}

describe('conversations', () => {
  for (let n = 1; n <= 20; n++)
    test(`with a runtime that keeps state, a conversation always gives the same events and sends each input once, seed ${n}`, (t) => {
      let request = 0
      play(t, talker, `talker-${n}`, (random) => {
        const kind = random.weighted({
          hello: 1,
          began: 2,
          part: 6,
          time: 3,
          may: 1,
          done: 3,
          torn: 1,
          junk: 1,
        })
        const line = {
          hello: { id: 'i', session: `s-${random.int(1, 3)}` },
          began: { began: `p-${random.int(1, 9)}` },
          part: { part: `${random.int(0, 999)} ` },
          time: { request: request++, method: 'time' },
          may: { request: request++, method: 'may' },
          done: { done: true },
          torn: { part: 'never' },
          junk: ['?'],
        }[kind]
        const text = JSON.stringify(line)
        return kind === 'torn' ? text.slice(0, 5) : `${text}\n`
      })
    })

  for (const { name, out } of recordings())
    test(`a conversation of Claude Code always gives the same events and sends each input once, ${name}`, (t) => {
      let at = 0
      let requests = 0
      play(t, claude, name, (random) => {
        const asked = {
          type: 'control_request',
          request_id: `r-${requests++}`,
          request: { subtype: 'of_tomorrow' },
        }
        return `${random.chance(0.1) ? JSON.stringify(asked) : out[at++ % out.length]}\n`
      })
    })
})
