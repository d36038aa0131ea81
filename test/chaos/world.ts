import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../support/stage.ts'
import { until } from '../support/wait.ts'
import { Api } from './api.ts'
import { Disk } from './disk.ts'
import { buildAll, type Sabotage } from './program.ts'
import { FaultProxy } from './proxy.ts'
import type { Random } from './random.ts'
import { Supervised } from './supervised.ts'

/** In the environment of every process of a run, with its folder. */
export const RUN_MARK = 'CHAOS_RUN'
const DISK_MIB = 48
/** Prompts of some megabytes stay in the hub's list of commands for a while. */
const HUB_DISK_MIB = 160

/** The preload's control file: see edge.ts. */
class Edge {
  readonly path: string
  #offset = 0
  #ask = 0

  constructor(path: string) {
    this.path = path
    this.#write()
  }

  step(ms: number) {
    this.#offset += ms
    this.#write()
  }

  /** What keeps the process alive: kinds of resources, one entry each. */
  async resources(pid: number): Promise<string[]> {
    this.#ask++
    this.#write()
    const answer = `${this.path}.${pid}`
    return until(
      () => {
        if (!existsSync(answer)) return undefined
        try {
          const { ask, resources } = JSON.parse(readFileSync(answer, 'utf8'))
          return ask === this.#ask && resources
        } catch {
          return undefined
        }
      },
      { what: `word of process ${pid}` },
    )
  }

  #write() {
    writeFileSync(`${this.path}.new`, JSON.stringify({ offset_ms: this.#offset, ask: this.#ask }))
    renameSync(`${this.path}.new`, this.path)
  }
}

/** The hub, or one machine with its daemon: a process that is kept running, on a disk and with a clock of its own. */
export interface Place {
  name: string
  state: string
  disk: Disk
  edge: Edge
  process: Supervised
  program: string
  /** When its disk was full: `[from, to]`, ms since 1970. */
  fullTimes: { from: number; to: number }[]
}

export interface Machine extends Place {
  proxy: FaultProxy
  cwd: string
  id(): string
}

export interface WorldOptions {
  dir: string
  machines: number
  random: Random
  sabotage?: Sabotage | undefined
  /** Something happened that must not. */
  violated(what: string, detail: string): void
}

/** Hub, machines, and what is between them. */
export class World {
  readonly dir: string
  readonly hub: Place
  readonly machines: Machine[]
  readonly api: Api
  readonly logs: string
  readonly #versions: string[]

  private constructor(
    dir: string,
    hub: Place,
    machines: Machine[],
    api: Api,
    logs: string,
    versions: string[],
  ) {
    this.dir = dir
    this.hub = hub
    this.machines = machines
    this.api = api
    this.logs = logs
    this.#versions = versions
  }

  static async open({ dir, machines, random, sabotage, violated }: WorldOptions): Promise<World> {
    const at = (name: string) => join(dir, name)
    for (const name of ['build', 'bin', 'logs', 'home']) mkdirSync(at(name))
    const { versions, agent, edge } = await buildAll(at('build'), sabotage)
    writeFileSync(at('bin/claude'), claudeScript(agent))
    chmodSync(at('bin/claude'), 0o755)

    const pauses = random.fork('pauses')
    const place = (name: string, mebibytes: number, args: (state: string) => string[]): Place => {
      const own = at(name)
      mkdirSync(join(own, 'program'), { recursive: true })
      const disk = new Disk(join(own, 'disk'), mebibytes)
      const state = join(disk.path, 'state')
      const program = join(own, 'program/index.js')
      copyFileSync(versions[0]!, program)
      const control = new Edge(join(own, 'edge.json'))
      const fullTimes: Place['fullTimes'] = []
      const process = new Supervised({
        name,
        command: [globalThis.process.execPath, '--require', edge, program, ...args(state)],
        env: {
          PATH: `${at('bin')}:${globalThis.process.env.PATH}`,
          HOME: at('home'),
          FOMULAR_STATE_DIR: state,
          FOMULAR_DAEMON_NO_SELF_RELAUNCH: '1',
          CHAOS_EDGE: control.path,
          CHAOS_LOGS: at('logs'),
          [RUN_MARK]: dir,
        },
        cwd: own,
        log: join(own, `${name}.log`),
        pause: () => pauses.int(0, 250),
        crashed: (who, how) => {
          // Without room for its lock it cannot start.
          const full = fullTimes.some(({ to }) => to > Date.now() - 1000)
          if (!full) violated('crashed', `${who} ended by itself: ${how}`)
        },
      })
      return { name, state, disk, edge: control, process, program, fullTimes }
    }

    const port = await freePort()
    const hub = place('hub', HUB_DISK_MIB, () => [
      'hub',
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--verbose',
    ])
    const keys = join(hub.state, 'hub')
    const key = () => readFileSync(join(keys, 'user.key'), 'utf8').trim()
    const api = new Api(port, key)
    hub.process.start()
    await until(
      () =>
        api.machines().then(
          () => true,
          () => false,
        ),
      { what: 'the hub' },
    )

    const proxies = random.fork('proxies')
    const all: Machine[] = []
    for (let n = 1; n <= machines; n++) {
      const name = `m${n}`
      const proxy = await FaultProxy.listen(port, proxies.fork(name))
      const url = `ws://127.0.0.1:${proxy.port}`
      const keyFile = join(keys, 'machine.key')
      const args = [
        'run',
        '--server-url',
        url,
        '--key-file',
        keyFile,
        '--log-level',
        'debug',
        '--stop-grace-s',
        '1',
      ]
      const machine = place(name, DISK_MIB, () => args)
      const cwd = at(`${name}/work`)
      mkdirSync(cwd)
      const id = () => JSON.parse(readFileSync(join(machine.state, 'machine.json'), 'utf8')).machine_id
      machine.process.start()
      all.push({ ...machine, proxy, cwd, id })
    }
    const world = new World(dir, hub, all, api, at('logs'), versions)
    await world.connected()
    return world
  }

  get places(): Place[] {
    return [this.hub, ...this.machines]
  }

  /** Waits until every machine is at the hub. */
  async connected() {
    await until(
      async () => {
        const machines = await this.api.machines().catch(() => [])
        return machines.filter(({ connected }) => connected).length === this.machines.length
      },
      { what: 'every machine at the hub' },
    )
  }

  /** Puts the files of another version where the daemon's are, as an installer would. */
  replaceVersion(machine: Machine, degree: number) {
    const version = this.#versions[Math.floor(degree * this.#versions.length)]!
    copyFileSync(version, `${machine.program}.new`)
    renameSync(`${machine.program}.new`, machine.program)
  }

  /** No more faults: everything that is held, slowed, full or away comes back. */
  calm() {
    for (const place of this.places) {
      this.free(place)
      place.process.thaw()
    }
    for (const { proxy } of this.machines) proxy.calm()
  }

  /** @returns false if it was full already */
  fill(place: Place, ms: number): boolean {
    if (place.disk.full) return false
    place.disk.fill()
    place.fullTimes.push({ from: Date.now(), to: Number.POSITIVE_INFINITY })
    setTimeout(() => this.free(place), ms)
    return true
  }

  free(place: Place) {
    if (!place.disk.full) return
    place.disk.free()
    place.fullTimes.at(-1)!.to = Date.now()
  }

  /** Ends hub and daemons. @returns how each ended */
  async stop(signal: NodeJS.Signals): Promise<Record<string, number | string>> {
    const ends: Record<string, number | string> = {}
    for (const place of [...this.machines, this.hub]) ends[place.name] = await place.process.stop(signal)
    await Promise.all(this.machines.map(({ proxy }) => proxy.close()))
    return ends
  }

  /** Takes the disks away; what is on them stays, as `state` in the place's folder. */
  unmount() {
    for (const { name, disk } of this.places) {
      disk.free()
      execFileSync('cp', ['-a', `${disk.path}/.`, join(this.dir, name)])
      disk.unmount()
    }
  }
}

/** What the daemon asks of the program before it starts one costs no Node process. */
const claudeScript = (agent: string) => `#!/bin/sh
case $1 in
--version) echo '2.1.330 (Claude Code)'; exit ;;
auth) echo '{"loggedIn":true,"authMethod":"api_key","loginExpiresAt":null}'; exit ;;
esac
exec '${process.execPath}' '${agent}' "$@"
`
