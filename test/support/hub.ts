import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import {
  type AuditLimits,
  type CommandMemory,
  HUB_LIMITS,
  type MachineLimits,
} from '../../src/config/hub-limits.ts'
import { type HubOptions, startHub } from '../../src/hub/hub.ts'
import { createLogger } from '../../src/platform/log.ts'
import type { EnrollRequest, Event, EventPage } from '../../src/protocol/index.ts'
import { enroll } from './enroll.ts'
import { helloOf, LightDaemon, type LightDaemonOptions } from './light-daemon.ts'
import { type Cleanup, tempDir } from './temp.ts'

const quiet = createLogger({ level: 'silent', stderr: 'none' })

export interface TestHubOptions
  extends Partial<Pick<HubOptions, 'clock' | 'gate' | 'trustedProxies' | 'logger' | 'pushLoopback'>> {
  /** An existing folder. */
  dir?: string
  audit?: AuditLimits
  memory?: CommandMemory
  limits?: Partial<MachineLimits>
}

/** A hub in this process, with helpers for tests. */
export class TestHub {
  readonly dir: string
  readonly #options: TestHubOptions
  readonly #daemons: LightDaemon[] = []
  #first: string | undefined
  readonly #keys = new Map<string, string>()
  #hub: Awaited<ReturnType<typeof startHub>> | undefined

  private constructor(dir: string, options: TestHubOptions) {
    this.dir = dir
    this.#options = options
  }

  static async open(t: Cleanup, options: TestHubOptions = {}) {
    let hub: TestHub | undefined
    // Hooks run in the order of their registration, so the folder is deleted after the hub has stopped
    // writing.
    t.after(() => hub?.stop())
    hub = new TestHub(options.dir ?? tempDir(t), options)
    await hub.start()
    return hub
  }

  async start() {
    const { dir: _, audit, memory, limits, ...rest } = this.#options
    this.#hub = await startHub({
      dir: this.dir,
      host: '127.0.0.1',
      port: 0,
      logger: quiet,
      ...rest,
      limits: {
        memory: memory ?? HUB_LIMITS.memory,
        machine: { ...HUB_LIMITS.machine, ...limits },
        audit: audit ?? HUB_LIMITS.audit,
      },
    })
  }

  async stop() {
    for (const daemon of this.#daemons.splice(0)) daemon.socket.terminate()
    await this.#hub?.close()
    this.#hub = undefined
  }

  async restart() {
    await this.stop()
    await this.start()
  }

  get url() {
    return this.#hub!.url
  }

  get port() {
    return this.#hub!.port
  }

  key(role: 'machine' | 'user') {
    return readFileSync(`${this.dir}/${role}.key`, 'utf8').trim()
  }

  async dial(): Promise<LightDaemon> {
    return this.#keep(await LightDaemon.dial(this.url, this.key('machine')))
  }

  /**
   * Connects a machine. The first machine uses the hub's own key. Every other machine enrolls and gets a key.
   */
  async daemon(hello: LightDaemonOptions['hello'] = {}): Promise<LightDaemon> {
    const key = await this.#keyOf(hello.machine_id ?? helloOf().machine_id)
    return this.#keep(await LightDaemon.greet({ url: this.url, key, hello }))
  }

  /** @param shown key that the machine already has, and shows to the hub @returns a new key */
  enroll(name?: string, rest: Partial<EnrollRequest> = {}, shown?: string): Promise<string> {
    return enroll({ url: this.url, userKey: this.key('user'), name, rest, shown })
  }

  async #keyOf(machineId: string): Promise<string> {
    this.#first ??= machineId
    if (machineId === this.#first) return this.key('machine')
    const known = this.#keys.get(machineId)
    if (known !== undefined) return known
    const key = await this.enroll()
    this.#keys.set(machineId, key)
    return key
  }

  async request(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const answer = await fetch(this.url + path, {
      method,
      headers: {
        authorization: `Bearer ${this.key('user')}`,
        'content-type': 'application/json',
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const after = answer.headers.get('retry-after')
    if ([429, 503, 507].includes(answer.status)) assert.match(after ?? '', /^[1-9]\d*$/, 'Retry-After')
    else assert.equal(after, null, 'Retry-After')
    return answer
  }

  async api<T>(method: string, path: string, body?: unknown): Promise<T> {
    return (await (await this.request(method, path, body)).json()) as T
  }

  async events(agentId: string, limit = 1000): Promise<Event[]> {
    const events: Event[] = []
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page: EventPage = await this.api(
        'GET',
        `/api/agents/${agentId}/events?limit=${limit}${after && `&after=${after}`}`,
      )
      events.push(...(page.events as Event[]))
      after = page.next
    }
    return events
  }

  #keep(daemon: LightDaemon): LightDaemon {
    this.#daemons.push(daemon)
    return daemon
  }
}
