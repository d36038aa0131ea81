import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { until } from '../support/wait.ts'
import { Disk } from './disk.ts'
import { Supervised } from './supervised.ts'
import { MACHINE_MARK } from './users.ts'

/** Variable in the environment of every process of a run; its value is the run's folder. */
export const RUN_MARK = 'CHAOS_RUN'

/** The control file of the preloaded module edge.ts. */
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

  /** Returns the kind of each resource that keeps the process alive. */
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
      { what: `the answer of process ${pid}` },
    )
  }

  #write() {
    writeFileSync(`${this.path}.new`, JSON.stringify({ offset_ms: this.#offset, ask: this.#ask }))
    renameSync(`${this.path}.new`, this.path)
  }
}

/**
 * The hub, or a machine with its daemon: a process that is restarted whenever it ends, with its own disk and
 * clock.
 */
export interface Place {
  name: string
  folder: string
  /** User for the processes of this place only; undefined if they run as the user of this process. */
  uid: number | undefined
  state: string
  disk: Disk
  edge: Edge
  process: Supervised
  program: string
  /** Periods in which the place's disk was full: `[from, to]`, ms since 1970. */
  fullTimes: { from: number; to: number }[]
  /** Time at which a limit on the descriptors or processes of the place ends, in ms since 1970. */
  limited: { until: number }
}

/** Messages that a daemon or a hub logs when it has started. */
const STARTED = /daemon started|hub listening/

export interface PlaceOptions {
  /** Folder of the run. */
  dir: string
  name: string
  mebibytes: number
  uid: number | undefined
  node: string
  edge: string
  program: string
  args: string[]
  pause(): number
  crashed(name: string, how: number | string): void
}

/** Makes a place without starting its process. */
export function openPlace({
  dir,
  name,
  mebibytes,
  uid,
  node,
  edge,
  program,
  args,
  ...options
}: PlaceOptions): Place {
  const folder = join(dir, name)
  mkdirSync(join(folder, 'program'), { recursive: true })
  mkdirSync(join(folder, 'home'))
  const disk = new Disk(join(folder, 'disk'), mebibytes)
  const own = join(folder, 'program/index.js')
  copyFileSync(program, own)
  const control = new Edge(join(folder, 'edge.json'))
  if (uid !== undefined)
    for (const path of [folder, join(folder, 'home'), disk.path]) chownSync(path, uid, uid)
  chmodSync(folder, 0o755)
  const state = join(disk.path, 'state')
  const fullTimes: Place['fullTimes'] = []
  const limited = { until: 0 }
  const process = new Supervised({
    name,
    uid,
    command: [node, '--require', edge, own, ...args],
    env: {
      PATH: `${join(dir, 'bin')}:${globalThis.process.env.PATH}`,
      HOME: join(folder, 'home'),
      FOMULAR_STATE_DIR: state,
      FOMULAR_DAEMON_NO_SELF_RELAUNCH: '1',
      CHAOS_EDGE: control.path,
      CHAOS_LOGS: join(dir, 'logs'),
      [RUN_MARK]: dir,
      [MACHINE_MARK]: folder,
    },
    cwd: folder,
    log: join(folder, `${name}.log`),
    pause: options.pause,
    crashed(who, how) {
      // Without disk space for its lock file, the process cannot start.
      const full = fullTimes.some(({ to }) => to > Date.now() - 1000)
      // A limit can cause a failed start or an abort of Node itself. After exit code 2, a supervisor would
      // not restart the process.
      const starting = how === 1 && !STARTED.test(process.words())
      const short = limited.until > process.startedAt && (starting || how === 'SIGABRT' || how === 'SIGSEGV')
      if (!full && !short) options.crashed(who, how)
    },
  })
  return { name, folder, uid, state, disk, edge: control, process, program: own, fullTimes, limited }
}
