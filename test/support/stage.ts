import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type * as z from 'zod/mini'
import { CURRENT_MARK } from '../../src/agents/disk/cursors-current.ts'
import { sendSignal } from '../../src/platform/process-identity.ts'
import { findByEnvironment } from '../../src/platform/process-list.ts'
import type { AgentSpec, Event, HubAgent, HubMachine, Outcome } from '../../src/protocol/index.ts'
import { type Cleanup, tempDir } from './temp.ts'
import { until } from './wait.ts'

/** Path of the built program, which users run. */
export const PROGRAM =
  process.env.TEST_PROGRAM ?? fileURLToPath(new URL('../../dist/index.js', import.meta.url))
/** Command that runs the program: a script runs with this Node, and an executable runs by itself. */
export const RUN: [string, ...string[]] = /\.[cm]?js$/.test(PROGRAM) ? [process.execPath, PROGRAM] : [PROGRAM]
/** Variable in the environment of every process that a stage starts. */
const STAGE_MARK = 'TEST_STAGE'

type SpecInput = Omit<z.input<typeof AgentSpec>, 'cwd'> & { cwd?: string }

export interface Running {
  pid: number
  kill(signal: NodeJS.Signals): void
  /** Exit code, or the signal's name. */
  ended: Promise<number | string>
  log(): string
}

/** Returns a free port on loopback. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/**
 * A machine with its own hub: folders, a port, and the processes that a test starts. All of them are removed
 * after the test.
 */
export class Stage {
  readonly dir: string
  readonly cwd: string
  readonly state: string
  readonly port: number
  readonly env: Record<string, string>
  /** Command that runs the daemon. By default, the built program. */
  daemonCommand: string[] = RUN
  readonly #running: ChildProcess[] = []
  #logs = 0

  private constructor(dir: string, port: number, env: Record<string, string>) {
    this.dir = dir
    this.port = port
    this.cwd = join(dir, 'work')
    this.state = join(dir, 'state')
    mkdirSync(this.cwd)
    mkdirSync(join(dir, 'home'))
    this.env = {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      HOME: join(dir, 'home'),
      ...env,
      FOMULAR_STATE_DIR: this.state,
      FOMULAR_HUB_PORT: String(port),
      FOMULAR_HUB_URL: `http://127.0.0.1:${port}`,
      [STAGE_MARK]: dir,
    }
  }

  /** Returns the folder names of present and former agents. Omits the marker `.told`, which always exists. */
  agentFolders(): string[] {
    return readdirSync(join(this.state, 'agents')).filter((name) => name !== CURRENT_MARK)
  }

  static async open(t: Cleanup, env: Record<string, string> = {}): Promise<Stage> {
    const dir = tempDir(t)
    const stage = new Stage(dir, await freePort(), env)
    t.after(() => stage.end())
    return stage
  }

  get hubUrl() {
    return this.env.FOMULAR_HUB_URL!
  }

  /** Runs the program, with its output in a file. */
  run(args: string[], env: Record<string, string> = {}, command: string[] = RUN): Running {
    const path = join(this.dir, `${args[0]}-${++this.#logs}.log`)
    const fd = openSync(path, 'w')
    const [file, ...before] = command as [string, ...string[]]
    const child = spawn(file, [...before, ...args], {
      cwd: this.dir,
      env: { ...this.env, ...env },
      stdio: ['ignore', fd, fd],
    })
    closeSync(fd)
    this.#running.push(child)
    return {
      pid: child.pid!,
      kill: (signal) => void child.kill(signal),
      ended: new Promise((resolve) =>
        child.once('exit', (code, signal) => resolve(code ?? signal ?? 'lost')),
      ),
      log: () => readFileSync(path, 'utf8'),
    }
  }

  /** Starts the hub. @param command the program to run as the hub */
  async hub(command: string[] = RUN): Promise<Running> {
    const hub = this.run(['hub', '--host', '127.0.0.1', '--port', String(this.port)], {}, command)
    await until(
      () =>
        fetch(`${this.hubUrl}/health`).then(
          (r) => r.ok,
          () => false,
        ),
      { what: 'the hub' },
    )
    return hub
  }

  async daemon(env: Record<string, string> = {}, url = `ws://127.0.0.1:${this.port}`): Promise<Running> {
    let daemon: Running | undefined
    await this.renew(() => {
      daemon = this.run(this.daemonArgs(url), env, this.daemonCommand)
    }).catch((error) => {
      throw new Error(`${error.message}\n${daemon?.log()}`)
    })
    return daemon!
  }

  /** Restarts the daemon through the hub. */
  async restart(): Promise<void> {
    const machine = await this.machine()
    await this.api('POST', `/api/machines/${machine!.machine_id}/restart`, {})
  }

  /** Runs `act`, and waits until a new daemon is connected to the hub. */
  async renew(act: () => unknown = () => this.restart()): Promise<void> {
    const before = (await this.machine())?.since
    await act()
    await until(
      async () => {
        // With `up`, the hub restarts, too.
        const machine = await this.machine().catch(() => undefined)
        return machine?.connected && machine.since !== before
      },
      { what: 'a new daemon at the hub' },
    )
  }

  daemonArgs(url = `ws://127.0.0.1:${this.port}`): string[] {
    const key = join(this.state, 'hub/machine.key')
    return ['run', '--server-url', url, '--key-file', key, '--log-level', 'debug']
  }

  async machine(): Promise<HubMachine | undefined> {
    const { machines } = await this.api<{ machines: HubMachine[] }>('GET', '/api/machines')
    return machines[0]
  }

  userKey() {
    return readFileSync(join(this.state, 'hub/user.key'), 'utf8').trim()
  }

  async request(method: string, path: string, body?: unknown): Promise<Response> {
    const send = () =>
      fetch(this.hubUrl + path, {
        method,
        headers: { authorization: `Bearer ${this.userKey()}` },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
    // On a busy machine, the hub may close an idle connection just as the request is sent.
    return method === 'GET' ? send().catch(send) : send()
  }

  async api<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    return (await (await this.request(method, path, body)).json()) as T
  }

  /** Returns the flags that name the agent's pending request, for the commands that answer a request. */
  async asked(agentId: string): Promise<string[]> {
    const [request] = (await this.agentIs(agentId, ({ pending }) => pending.length > 0)).pending
    return ['--request', request!.digest ?? request!.request_id]
  }

  /** Sends a command to an agent, and waits for its outcome. */
  command(agentId: string, name: string, body: object = {}): Promise<Outcome> {
    return this.api('POST', `/api/agents/${agentId}/${name}`, body)
  }

  async start(spec: SpecInput = {}): Promise<string> {
    const outcome = await this.api<Outcome & { error?: unknown }>('POST', '/api/agents', {
      spec: { cwd: this.cwd, ...spec },
    })
    if (outcome.state !== 'succeeded') throw new Error(`agent not started: ${JSON.stringify(outcome)}`)
    return outcome.agent_id!
  }

  agent(agentId: string): Promise<HubAgent> {
    return this.api('GET', `/api/agents/${agentId}`)
  }

  /** Waits until the hub's state for the agent is `wanted`. */
  async agentIs(
    agentId: string,
    wanted: HubAgent['state'] | ((agent: HubAgent) => boolean),
  ): Promise<HubAgent> {
    const holds = typeof wanted === 'string' ? (agent: HubAgent) => agent.state === wanted : wanted
    let last: HubAgent | undefined
    return until(
      async () => {
        last = await this.agent(agentId)
        return holds(last) && last
      },
      { what: `agent ${agentId} being ${wanted}` },
    ).catch((error) => {
      throw new Error(`${error.message}; it is ${JSON.stringify(last)}`)
    }) as Promise<HubAgent>
  }

  /** Returns all events that the hub has for an agent. */
  async events(agentId: string): Promise<Event[]> {
    const events: Event[] = []
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page: { events: Event[]; next?: string } = await this.api(
        'GET',
        `/api/agents/${agentId}/events?after=${after}`,
      )
      events.push(...page.events)
      after = page.next
    }
    return events
  }

  /**
   * Waits for an event of this kind for which `holds` returns true, in the agent's history from index `from`
   * on.
   */
  eventually<K extends Event['kind']>(
    agentId: string,
    kind: K,
    holds: (event: Event & { kind: K }) => boolean = () => true,
    from = 0,
  ): Promise<Event & { kind: K }> {
    return until(
      async () =>
        (await this.events(agentId))
          .slice(from)
          .find(
            (event): event is Event & { kind: K } =>
              event.kind === kind && holds(event as Event & { kind: K }),
          ),
      { what: `an event ${kind} of ${agentId}` },
    ) as Promise<Event & { kind: K }>
  }

  /** Returns the processes of an agent, including processes that it has started. */
  agentProcesses(agentId: string) {
    return findByEnvironment('FOMULAR_AGENT', join(this.state, 'agents', agentId))
  }

  /** Returns the running processes that this stage has started. */
  processes() {
    return findByEnvironment(STAGE_MARK, this.dir)
  }

  /** Ends all processes that this stage has started. */
  async end(): Promise<void> {
    for (const child of this.#running) child.kill('SIGKILL')
    for (const process of this.processes()) sendSignal(process, 'SIGKILL')
    await until(() => this.processes().length === 0, { what: 'the end of all processes' })
  }
}
