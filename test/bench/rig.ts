import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sendSignal } from '../../src/platform/process-identity.ts'
import { findByEnvironment } from '../../src/platform/process-list.ts'
import { RUN } from '../support/stage.ts'
import { type Cleanup, tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'
import { monotonic } from './measure.ts'
import type { Reply, Request } from './programs/receiver.ts'

/** Variable in the environment of every process that a rig starts. */
const MARK = 'BENCH_RIG'
/** Timeout, in milliseconds; 500 agents are 2 000 processes. */
const PATIENCE_MS = 180_000

const program = (name: string) => fileURLToPath(new URL(`programs/${name}`, import.meta.url))

export interface Connected {
  pid: number
  /** Time from the start of the process until it was connected. */
  tookMs: number
  /** Number of running agents that the process reported. */
  running: number
  end(signal?: NodeJS.Signals): Promise<void>
}

/** A receiver, and the processes that connect to it. All end with the benchmark. */
export class Rig {
  readonly dir: string
  readonly #env: NodeJS.ProcessEnv
  readonly #receiver: ChildProcess
  readonly #replies: Reply[] = []
  #children: ChildProcess[] = []
  #port = 0

  private constructor(dir: string) {
    this.dir = dir
    for (const name of ['home', 'state', 'work']) mkdirSync(join(dir, name), { mode: 0o700 })
    this.#env = { PATH: process.env.PATH, HOME: join(dir, 'home'), [MARK]: dir }
    this.#receiver = fork(program('receiver.ts'), { env: this.#env })
    this.#receiver.on('message', (reply: Reply) => this.#replies.push(reply))
  }

  static async open(t: Cleanup): Promise<Rig> {
    const rig = new Rig(tempDir(t))
    t.after(() => rig.#close())
    rig.#port = (await rig.reply('listening')).port
    return rig
  }

  get url() {
    return `ws://127.0.0.1:${this.#port}`
  }

  ask(request: Request) {
    this.#receiver.send(request)
  }

  /** Returns the receiver's next message of this kind. */
  async reply<S extends Reply['said']>(said: S): Promise<Reply & { said: S }> {
    const found = () => {
      if (this.#receiver.exitCode !== null) throw new Error('the receiver has ended; its output is above')
      return this.#replies.findIndex((reply) => reply.said === said)
    }
    await until(() => found() !== -1, {
      what: `the receiver's message ${said}`,
      timeoutMs: PATIENCE_MS,
    })
    return this.#replies.splice(found(), 1)[0] as Reply & { said: S }
  }

  /**
   * Makes the receiver count lines from now on.
   * @returns a function that waits for `count` lines and returns its report
   */
  async expect(
    lines: number,
    latencies = false,
  ): Promise<() => Promise<{ at: number; latencies: number[] }>> {
    this.ask({ do: 'expect', lines, latencies })
    await this.reply('expecting')
    return () => this.reply('received')
  }

  /** Starts a process, and waits until the receiver has its first frame. */
  async connect([file, ...args]: [string, ...string[]], env: NodeJS.ProcessEnv = {}): Promise<Connected> {
    const started = monotonic()
    const child = spawn(file, args, {
      cwd: this.dir,
      env: { ...this.#env, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    this.#children.push(child)
    const { at, running } = await this.reply('connected')
    return {
      pid: child.pid!,
      tookMs: at - started,
      running,
      end: async (signal = 'SIGKILL') => {
        child.kill(signal)
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
        this.#children = this.#children.filter((other) => other !== child)
      },
    }
  }

  bare(): Promise<Connected> {
    return this.connect([process.execPath, program('bare.cjs'), this.url])
  }

  forwarder(form: 'lines' | 'chunks', pipes: string[]): Promise<Connected> {
    return this.connect([process.execPath, program('forwarder.ts'), this.url, form, ...pipes])
  }

  /**
   * @param before program and arguments that run the daemon
   * @param env further variables of the daemon
   */
  daemon(before: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Connected> {
    const command = [...before, ...RUN, 'run', '--server-url', this.url, '--log-format', 'none']
    return this.connect(command as [string, ...string[]], {
      FOMULAR_STATE_DIR: join(this.dir, 'state'),
      FOMULAR_KEY: 'bench-key-bench-key-bench-key-bench-key',
      FOMULAR_CLAUDE_PATH: program('agent.sh'),
      FOMULAR_MAX_AGENTS: '2000',
      ...env,
    })
  }

  /** Makes the daemon start agents. @returns their folders */
  async agents(count: number, from = 0): Promise<string[]> {
    const agents = Array.from({ length: count }, (_, n) => `a-${from + n}`)
    // Starts agents in groups, because a start that takes longer than a minute counts as failed.
    for (let at = 0; at < count; at += 25) {
      const some = agents.slice(at, at + 25)
      this.ask({ do: 'start', agents: some, cwd: join(this.dir, 'work') })
      for (const _ of some) await this.#started()
    }
    return agents.map((id) => join(this.dir, 'state/agents', id))
  }

  /** Makes the daemon start an agent. @returns the time from the server's command to its result, in ms */
  async start(agent: string): Promise<number> {
    this.ask({ do: 'start', agents: [agent], cwd: join(this.dir, 'work') })
    return (await this.#started()).tookMs
  }

  async #started() {
    const reply = await this.reply('started')
    if (reply.problem) throw new Error(`${reply.agent} did not start: ${reply.problem}`)
    return reply
  }

  /** Returns the processes of an agent: launcher, feeder, and the agent itself. */
  processesOf(agentDir: string): number[] {
    return findByEnvironment('FOMULAR_AGENT', agentDir).map(({ pid }) => pid)
  }

  async #close() {
    for (const child of this.#children) child.kill('SIGKILL')
    const mine = () => findByEnvironment(MARK, this.dir)
    await until(
      () => {
        const left = mine()
        for (const process of left) sendSignal(process, 'SIGKILL')
        return left.length === 0
      },
      { what: 'the end of all processes', timeoutMs: PATIENCE_MS },
    )
  }
}
