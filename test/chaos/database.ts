// Needs: /usr/lib/postgresql/*/bin/postgres
import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, globSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { accountOf } from '../../src/platform/account.ts'
import { freePort } from '../support/stage.ts'
import { until } from '../support/wait.ts'
import { RUN_MARK } from './place.ts'
import { FaultProxy } from './proxy.ts'
import type { Random } from './random.ts'
import { Supervised } from './supervised.ts'

const [BIN] = globSync('/usr/lib/postgresql/*/bin')

export interface DatabaseOptions {
  /** Folder of the run. */
  dir: string
  random: Random
  crashed(name: string, how: number | string): void
}

/** A PostgreSQL that is restarted whenever it ends, and the network between it and the hub. */
export class Database {
  readonly proxy: FaultProxy
  readonly #process: Supervised
  #thaw: NodeJS.Timeout | undefined

  private constructor(process: Supervised, proxy: FaultProxy) {
    this.#process = process
    this.proxy = proxy
  }

  static async open({ dir, random, crashed }: DatabaseOptions): Promise<Database> {
    const folder = join(dir, 'database')
    const data = join(folder, 'data')
    for (const path of [folder, data]) mkdirSync(path, { mode: 0o700 })
    // PostgreSQL does not run as root.
    const account = process.getuid?.() === 0 ? accountOf('postgres')! : undefined
    const ids = account ? { uid: account.uid, gid: account.gid } : {}
    if (account) for (const path of [folder, data]) chownSync(path, account.uid, account.gid)
    const init = ['--auth=trust', '--username=hub', '--encoding=UTF8', '--no-locale']
    execFileSync(`${BIN}/initdb`, ['--pgdata', data, ...init], { ...ids, cwd: '/', stdio: 'ignore' })
    const port = await freePort()
    const settings = [
      `port=${port}`,
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      'restart_after_crash=on',
    ]
    const server = new Supervised({
      name: 'database',
      uid: account?.uid,
      command: [`${BIN}/postgres`, '-D', data, ...settings.flatMap((setting) => ['-c', setting])],
      env: { PATH: process.env.PATH!, [RUN_MARK]: dir },
      cwd: '/',
      log: join(dir, 'database.log'),
      pause: () => random.int(0, 1000),
      crashed,
    })
    server.start()
    const proxy = await FaultProxy.listen(port, random.fork('proxy'), { frames: false })
    const made = new Database(server, proxy)
    const ready = ['--host=127.0.0.1', `--port=${port}`]
    await until(() => spawnSync(`${BIN}/pg_isready`, ready).status === 0, { what: 'the database' })
    return made
  }

  /** Address for `--store`. */
  get url(): string {
    return `postgres://hub@127.0.0.1:${this.proxy.port}/postgres`
  }

  get starts(): number {
    return this.#process.starts
  }

  /** Ends all processes at once, as a power failure would. */
  kill(): boolean {
    const processes = this.#children()
    const killed = this.#process.kill('SIGKILL')
    for (const pid of processes) signal(pid, 'SIGKILL')
    return killed
  }

  /** Kills the process of one connection. PostgreSQL then ends all connections, and recovers from its log. */
  killConnection(degree: number): boolean {
    const connections = this.#children().filter((pid) => commandLine(pid).includes(' hub postgres '))
    const chosen = connections[Math.floor(degree * connections.length)]
    return chosen !== undefined && signal(chosen, 'SIGKILL')
  }

  freeze(ms: number): boolean {
    const { pid } = this.#process
    if (pid === undefined || !signal(pid, 'SIGSTOP')) return false
    for (const child of this.#children()) signal(child, 'SIGSTOP')
    clearTimeout(this.#thaw)
    this.#thaw = setTimeout(() => this.thaw(), ms)
    return true
  }

  thaw() {
    clearTimeout(this.#thaw)
    for (const child of this.#children()) signal(child, 'SIGCONT')
    this.#process.thaw()
  }

  async stop(): Promise<void> {
    this.thaw()
    // SIGINT ends the connections of the hub, which SIGTERM would wait for.
    await this.#process.stop('SIGINT')
    await this.proxy.close()
  }

  #children(): number[] {
    const { pid } = this.#process
    if (pid === undefined) return []
    try {
      const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
      return list === '' ? [] : list.split(' ').map(Number)
    } catch {
      return []
    }
  }
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
