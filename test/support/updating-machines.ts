import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { helloOf, LightDaemon } from './light-daemon.ts'
import { until } from './wait.ts'

/** A hub in its own process, which a test can kill and start again in the same folder. */
export class KillableHub {
  readonly #dir: string
  #child: ChildProcess | undefined
  url = ''

  constructor(dir: string) {
    this.#dir = dir
  }

  async start() {
    const program = fileURLToPath(new URL('./hub-process.ts', import.meta.url))
    const child = spawn(process.execPath, [program, this.#dir], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.on('data', (data) => {
      said += data
    })
    this.#child = child
    await until(() => said.endsWith('\n'), { what: 'the hub' })
    this.url = said.trim()
  }

  async kill() {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  async api<T>(method: string, path: string, body?: object): Promise<T> {
    const key = readFileSync(`${this.#dir}/user.key`, 'utf8').trim()
    const answer = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
    return (await answer.json()) as T
  }
}

type Answer = Record<string, unknown>

interface Order {
  type: string
  command_id: string
  version: string
}

/** Simulated machines that update by disconnecting for a moment, like real daemons. */
export class UpdatingMachines {
  readonly #hub: KillableHub
  readonly #isBad: (machineId: string, version: string) => boolean
  readonly #links = new Map<string, LightDaemon>()
  readonly #answers = new Map<string, Answer>()
  #isOver = false
  readonly versions = new Map<string, string>()
  /** Machines that are updating now, and the maximum so far. */
  readonly updating = new Set<string>()
  most = 0
  /** Orders that were carried out, by machine. */
  readonly done: { machine_id: string; version: string }[] = []

  /** @param isBad reports whether a version fails on a machine */
  constructor(hub: KillableHub, isBad: (machineId: string, version: string) => boolean) {
    this.#hub = hub
    this.#isBad = isBad
  }

  /** Enrolls a machine in a group. It stays connected, also to a hub that was started again. */
  async add(machine_id: string, group: string) {
    const { token } = await this.#hub.api<{ token: string }>('POST', '/api/enrolments', {
      name: machine_id,
      group,
    })
    const key = `fmk_${createHash('sha256').update(machine_id).digest('base64url')}`
    await this.#hub.api('POST', '/enroll', {
      token,
      machine_id,
      hostname: machine_id,
      key_sha256: createHash('sha256').update(key).digest('hex'),
    })
    this.versions.set(machine_id, '1.0.0')
    void this.#stay(machine_id, key)
    await until(() => this.#links.has(machine_id), { what: `${machine_id} to connect` })
  }

  end() {
    this.#isOver = true
    for (const link of this.#links.values()) link.socket.terminate()
  }

  /** Connects again whenever the connection ends. */
  async #stay(machine_id: string, key: string) {
    while (!this.#isOver) {
      try {
        if (!this.updating.has(machine_id)) await this.#connect(machine_id, key)
      } catch {
        // The hub is not running.
      }
      await sleep(20)
    }
  }

  async #connect(machine_id: string, key: string) {
    const link = await LightDaemon.dial(this.#hub.url, key)
    link.socket.on('message', (data) => {
      const frame = JSON.parse(String(data)) as Order
      if (frame.type === 'daemon:update') void this.#update(machine_id, link, frame)
      if (frame.type !== 'server:welcome') return
      this.#links.set(machine_id, link)
    })
    link.send(helloOf({ machine_id, hostname: machine_id, daemon_version: this.versions.get(machine_id)! }))
    await new Promise((resolve) => link.socket.once('close', resolve))
    this.#links.delete(machine_id)
  }

  /** Updates, and answers with the next connection. A repeated order gets the same answer. */
  async #update(machine_id: string, link: LightDaemon, { type, command_id, version }: Order) {
    const known = this.#answers.get(command_id)
    if (known) return link.send(known)
    if (this.updating.has(machine_id)) return
    this.updating.add(machine_id)
    this.most = Math.max(this.most, this.updating.size)
    this.done.push({ machine_id, version })
    link.socket.close()
    await sleep(30)
    const about = { type: `${type}:result`, command_id }
    if (this.#isBad(machine_id, version))
      this.#answers.set(command_id, {
        ...about,
        ok: false,
        error: { code: 'update_unproven', message: 'The new version does not start.' },
      })
    else {
      const result = { mode: 'global', restart_strategy: 'self', duration_ms: 1 }
      const from_version = this.versions.get(machine_id)
      this.versions.set(machine_id, version)
      this.#answers.set(command_id, { ...about, ok: true, ...result, from_version, to_version: version })
    }
    // The hub sends the order again after the next greeting, and gets the answer then.
    this.updating.delete(machine_id)
  }
}
