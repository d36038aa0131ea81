// Needs: mount
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { enroll } from '../support/enroll.ts'
import { freePort } from '../support/stage.ts'
import { until } from '../support/wait.ts'
import { Api } from './api.ts'
import { Backup } from './backup.ts'
import { claudeScript } from './claude-script.ts'
import { Database } from './database.ts'
import type { Limit } from './limits.ts'
import { openPlace, type Place } from './place.ts'
import { buildAll, type Sabotage } from './program.ts'
import { FaultProxy } from './proxy.ts'
import type { Random } from './random.ts'
import { hasToldOfRollback } from './told.ts'
import { ownUser, powerOff } from './users.ts'

const DISK_MIB = 48
/** Size of the hub's disk: prompts of some megabytes stay in the hub's command log for a while. */
const HUB_DISK_MIB = 160

export interface Machine extends Place {
  proxy: FaultProxy
  cwd: string
  backup: Backup
  /** Times at which the machine was rolled back to its backup, in ms since 1970. */
  setBacks: number[]
  /** True if the machine runs the previous release, which lacks later fixes. */
  earlier: boolean
  id(): string
}

export interface WorldOptions {
  dir: string
  machines: number
  random: Random
  sabotage?: Sabotage | undefined
  /** The hub has its data in a database, not in files. */
  withDatabase: boolean
  /** Called for a violation. */
  violated(what: string, detail: string): void
}

/** The hub, the machines, and the proxies between the hub and each machine. */
export class World {
  readonly dir: string
  readonly hub: Place
  readonly database: Database | undefined
  readonly machines: Machine[]
  readonly api: Api
  readonly logs: string
  readonly #versions: string[]
  readonly #earlier: string | undefined
  readonly #limits = new Map<string, Limit>()
  readonly #waiting = new Set<NodeJS.Timeout>()

  private constructor(
    dir: string,
    hub: Place,
    database: Database | undefined,
    machines: Machine[],
    api: Api,
    logs: string,
    versions: string[],
    earlier: string | undefined,
  ) {
    this.dir = dir
    this.hub = hub
    this.database = database
    this.machines = machines
    this.api = api
    this.logs = logs
    this.#versions = versions
    this.#earlier = earlier
  }

  static async open({
    dir,
    machines,
    random,
    sabotage,
    withDatabase,
    violated,
  }: WorldOptions): Promise<World> {
    const at = (name: string) => join(dir, name)
    for (const name of ['build', 'bin', 'logs']) mkdirSync(at(name))
    // Machines run as separate users.
    chmodSync(dir, 0o755)
    chmodSync(at('logs'), 0o1777)
    const { versions, earlier, agent, edge } = await buildAll(at('build'), sabotage)
    const node = at('bin/node')
    writeFileSync(node, '')
    execFileSync('mount', ['--bind', process.execPath, node])
    writeFileSync(at('bin/claude'), claudeScript(node, agent))
    chmodSync(at('bin/claude'), 0o755)

    const pauses = random.fork('pauses')
    const common = {
      dir,
      node,
      edge,
      program: versions[0]!,
      pause: () => pauses.int(0, 250),
      crashed: (who: string, how: number | string) =>
        violated('crashed', `${who} ended unexpectedly: ${how}`),
    }
    const { crashed } = common
    const database = withDatabase
      ? await Database.open({ dir, random: random.fork('database'), crashed })
      : undefined
    const store = database ? ['--store', database.url] : []
    const port = await freePort()
    const listen = ['--host', '127.0.0.1', '--port', String(port)]
    const hub = openPlace({
      ...common,
      name: 'hub',
      uid: undefined,
      mebibytes: HUB_DISK_MIB,
      args: ['hub', ...listen, ...store, '--verbose'],
    })
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
      const keyFile = at(`${name}.key`)
      const machineKey = await enroll({ url: `http://127.0.0.1:${port}`, userKey: key(), name })
      writeFileSync(keyFile, machineKey, { mode: 0o600 })
      const uid = ownUser(n, keyFile)
      const server = ['--server-url', `ws://127.0.0.1:${proxy.port}`, '--key-file', keyFile]
      const args = ['run', ...server, '--log-level', 'debug', '--stop-grace-s', '1']
      const machine = openPlace({ ...common, name, uid, mebibytes: DISK_MIB, args })
      const cwd = join(machine.folder, 'work')
      mkdirSync(cwd)
      if (uid !== undefined) chownSync(cwd, uid, uid)
      const id = () => JSON.parse(readFileSync(join(machine.state, 'machine.json'), 'utf8')).machine_id
      machine.process.start()
      all.push({
        ...machine,
        proxy,
        cwd,
        id,
        backup: new Backup(machine.folder),
        setBacks: [],
        earlier: false,
      })
    }
    const world = new World(dir, hub, database, all, api, at('logs'), versions, earlier)
    await world.connected()
    return world
  }

  get places(): Place[] {
    return [this.hub, ...this.machines]
  }

  /** Waits until every machine is connected to the hub. */
  async connected() {
    await until(
      async () => {
        const machines = await this.api.machines().catch(() => [])
        return machines.filter(({ connected }) => connected).length === this.machines.length
      },
      { what: 'every machine at the hub' },
    )
  }

  /** Installs another version on a machine, like the installer. */
  replaceVersion(machine: Machine, degree: number) {
    this.#put(machine, this.#versions[Math.floor(degree * this.#versions.length)]!)
  }

  /**
   * Switches the last machine from the present version to the previous release, or back.
   * @returns the last machine, or undefined if the previous release could not be built, or would not know that
   * the machine was rolled back
   */
  changeRelease(): Machine | undefined {
    const machine = this.machines.at(-1)!
    if (this.#earlier === undefined || (!machine.earlier && !hasToldOfRollback(machine))) return undefined
    this.#put(machine, machine.earlier ? this.#versions[0]! : this.#earlier)
    return machine
  }

  #put(machine: Machine, program: string) {
    copyFileSync(program, `${machine.program}.new`)
    renameSync(`${machine.program}.new`, machine.program)
    machine.earlier = program === this.#earlier
  }

  /**
   * Imposes a limit for a while, after lifting a previous limit of the same name.
   * @returns true if the limit could be imposed
   */
  async limit(name: string, ms: number, impose: () => Limit | undefined | Promise<Limit | undefined>) {
    this.#limits.get(name)?.lift()
    this.#limits.delete(name)
    const limit = await impose()
    if (!limit) return false
    this.#limits.set(name, limit)
    const timer = setTimeout(() => {
      this.#waiting.delete(timer)
      if (this.#limits.get(name) !== limit) return
      limit.lift()
      this.#limits.delete(name)
    }, ms)
    this.#waiting.add(timer)
    return true
  }

  /**
   * Cuts a machine's power, puts its backup in place, and starts it again.
   * @param meanwhile runs while the machine is off
   */
  async setBack(machine: Machine, meanwhile: () => Promise<void>) {
    await machine.process.hold()
    await powerOff(machine.folder)
    this.free(machine)
    await meanwhile()
    machine.backup.restore(machine.state)
    machine.setBacks.push(Date.now())
    machine.process.start()
  }

  /** Ends all faults: processes continue, disks have room, and limits are lifted. */
  calm() {
    for (const place of this.places) {
      this.free(place)
      place.process.thaw()
    }
    for (const { proxy } of this.machines) proxy.calm()
    this.database?.proxy.calm()
    this.database?.thaw()
    for (const timer of this.#waiting) clearTimeout(timer)
    for (const limit of this.#limits.values()) limit.lift()
    this.#limits.clear()
    for (const { folder } of this.machines) rmSync(join(folder, 'slow'), { force: true })
  }

  /** Fills a disk for a while. @returns false if the disk was already full */
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

  /** Ends hub and daemons. @returns exit code or signal of each */
  async stop(signal: NodeJS.Signals): Promise<Record<string, number | string>> {
    const ends: Record<string, number | string> = {}
    for (const place of [...this.machines, this.hub]) ends[place.name] = await place.process.stop(signal)
    await Promise.all(this.machines.map(({ proxy }) => proxy.close()))
    await this.database?.stop()
    return ends
  }

  /** Copies the content of each disk to a folder in `dir`, and unmounts the disks. */
  unmount() {
    for (const { name, disk } of this.places) {
      disk.free()
      execFileSync('cp', ['-a', `${disk.path}/.`, join(this.dir, name)])
      disk.unmount()
    }
    execFileSync('umount', ['--lazy', join(this.dir, 'bin/node')])
  }
}
