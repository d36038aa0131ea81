import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { digestOf } from '../../src/agents/events/ids.ts'
import type { Command, PermissionRequest } from '../../src/protocol/index.ts'
import { TestHub } from './hub.ts'
import { type LightDaemon, statusOf } from './light-daemon.ts'
import { RUN, Stage } from './stage.ts'
import type { Cleanup } from './temp.ts'
import { Terminal } from './terminal.ts'

type Answer = Extract<Command, { type: 'agent:permission' | 'agent:answer' }>

interface Shown {
  code: number
  stdout: string
  stderr: string
}

/** Returns a request with its digest. */
export const requestFor = (
  request_id: string,
  input: Record<string, unknown>,
  rest: Partial<PermissionRequest> = {},
): PermissionRequest & { digest: string } => {
  const request = { request_id, ask: 'tool' as const, tool: 'Bash', input, ...rest }
  return { ...request, digest: digestOf(Buffer.from(JSON.stringify(request))) }
}

/**
 * A simulated agent `a` at a hub, with requests from the test, and the command line of a user who answers the
 * requests.
 */
export class ScriptedAgent {
  readonly #daemon: LightDaemon
  readonly #stage: Stage
  readonly #t: Cleanup
  #revision = 1
  #offset = 0

  private constructor(t: Cleanup, daemon: LightDaemon, stage: Stage) {
    this.#t = t
    this.#daemon = daemon
    this.#stage = stage
  }

  static async open(t: Cleanup): Promise<ScriptedAgent> {
    const hub = await TestHub.open(t)
    const daemon = await hub.daemon({ agents: [statusOf('a')] })
    const env = { FOMULAR_HUB_KEY_FILE: join(hub.dir, 'user.key') }
    const stage = await Stage.open(t, env)
    stage.env.FOMULAR_HUB_URL = hub.url
    return new ScriptedAgent(t, daemon, stage)
  }

  /** Reports these requests as pending. */
  async pends(...pending: PermissionRequest[]) {
    const state = pending.length > 0 ? 'waiting' : 'working'
    const status = statusOf('a', { revision: ++this.#revision, state, pending })
    this.#daemon.send({ type: 'agent:status', ...status })
    await this.#daemon.settled()
  }

  /** Writes requests into the agent's history. */
  async asks(...requests: PermissionRequest[]) {
    for (const request of requests) {
      const from = this.#offset
      this.#offset += 10
      const event = { kind: 'permission_request', offset: from, index: 0, ...request }
      this.#daemon.send({ type: 'agent:activity', agent_id: 'a', from, to: this.#offset, events: [event] })
    }
    await this.#daemon.acknowledged('a', this.#offset)
  }

  /** Returns the answers that the agent received, and reports success for each answer. */
  async answers(count: number): Promise<Answer[]> {
    const all = () =>
      this.#daemon.frames.filter(({ type }) => type === 'agent:permission' || type === 'agent:answer')
    for (let n = 0; n < count; n++) {
      while (all().length <= n) await new Promise((resolve) => setTimeout(resolve, 20))
      this.#daemon.answer(all()[n] as unknown as Answer)
    }
    return all() as unknown as Answer[]
  }

  terminal(): Promise<Terminal> {
    return Terminal.open(this.#t, this.#stage)
  }

  /** Runs `agent` without a terminal. */
  run(...args: string[]): Promise<Shown> {
    const [file, ...before] = RUN
    const { env } = this.#stage
    return new Promise((resolve) => {
      execFile(file, [...before, 'agent', ...args], { env }, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      ).stdin?.end()
    })
  }
}
