import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, cpSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentPool } from '../../src/agents/agent-pool.ts'
import { ServerOffsets } from '../../src/daemon/server-offsets.ts'
import { Outbox } from '../../src/link/outbox.ts'
import { createLogger } from '../../src/platform/log.ts'
import type { Activity, AnyEvent, Welcome } from '../../src/protocol/index.ts'
import { agentsIn, leftAgent } from './agents.ts'
import { ManualClock } from './manual-clock.ts'
import { type Cleanup, tempDir } from './temp.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })

/** An agent that has ended, and the part of the daemon that sends its journal. */
export class Machine {
  readonly dir: string
  readonly clock = new ManualClock()
  readonly #backup: string
  agents!: AgentPool
  #standing!: ServerOffsets
  #outbox!: Outbox
  /** Frames sent since the last welcome. */
  frames = [] as Activity[]

  /** @param journal name of the first generation of the agent's journal */
  constructor(t: Cleanup, journal?: string) {
    const dir = tempDir(t)
    this.dir = join(dir, 'agents')
    this.#backup = join(dir, 'backup')
    const left = leftAgent(this.dir, 'a', {}, journal)
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
   * Replaces the folder with the backup while no daemon is running.
   * @param inPlace true to overwrite the files, so that they keep their inodes
   */
  setBack({ inPlace = false } = {}) {
    this.stop()
    if (!inPlace) rmSync(this.dir, { recursive: true })
    // Waits until new files get a later timestamp. Timestamps advance in steps of at most 10 ms.
    for (const made = Date.now(); Date.now() < made + 20; );
    if (inPlace) {
      rmSync(this.at('generations.json'), { force: true })
      // Node's copy function would delete each file and create it again.
      execFileSync('cp', ['-r', `${this.#backup}/.`, this.dir])
    } else cpSync(this.#backup, this.dir, { recursive: true })
    this.start()
  }

  part() {
    this.#standing.onDisconnected()
  }

  /**
   * Handles a server's welcome. Afterward, `frames` contains the frames sent since the welcome.
   * @returns the first fault that the daemon finds in the welcome
   */
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

/** Returns the words of these frames. Each frame must begin at the end of the previous frame. */
export function said(frames: Activity[]): string[] {
  for (const [n, { from }] of frames.entries()) if (n > 0) assert.equal(from, frames[n - 1]!.to)
  return words(frames.flatMap(({ events }) => events))
}

const words = (events: AnyEvent[]) =>
  events.map((event) => {
    if (event.kind === 'unknown') return String((event as unknown as { raw: { said: string } }).raw.said)
    return event.kind
  })
