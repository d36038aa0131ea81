// Needs: /usr/lib/postgresql/*/bin/postgres
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, globSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import postgres from 'postgres'
import { accountOf } from '../../src/platform/account.ts'
import { type Cleanup, tempDir } from './temp.ts'
import { until } from './wait.ts'

const [BIN] = globSync('/usr/lib/postgresql/*/bin')

/** A PostgreSQL with durable writes, on a Unix socket in a temporary folder. PostgreSQL does not run as root. */
export class TestPostgres {
  readonly #data: string
  readonly #socket: string
  readonly #ids: { uid?: number; gid?: number }
  #process: ChildProcess | undefined
  #databases = 0

  private constructor(data: string, socket: string, ids: { uid?: number; gid?: number }) {
    this.#data = data
    this.#socket = socket
    this.#ids = ids
  }

  static async start(t: Cleanup): Promise<TestPostgres> {
    const dir = tempDir(t)
    const [data, socket] = [join(dir, 'data'), join(dir, 'socket')]
    const account = process.getuid?.() === 0 ? accountOf('postgres')! : undefined
    const ids = account ? { uid: account.uid, gid: account.gid } : {}
    chmodSync(dir, 0o755)
    for (const each of [data, socket]) {
      mkdirSync(each, { mode: 0o700 })
      if (account) chownSync(each, account.uid, account.gid)
    }
    const made = new TestPostgres(data, socket, ids)
    const init = [
      '--pgdata',
      data,
      '--username',
      'hub',
      '--auth',
      'trust',
      '--encoding',
      'UTF8',
      '--no-locale',
    ]
    execFileSync(`${BIN}/initdb`, init, { ...ids, cwd: '/', stdio: 'ignore' })
    t.after(() => made.kill('SIGINT'))
    await made.start()
    return made
  }

  async start(): Promise<void> {
    const args = ['-D', this.#data, '-k', this.#socket, '-c', 'listen_addresses=', '-c', 'fsync=on']
    this.#process = spawn(`${BIN}/postgres`, args, { ...this.#ids, cwd: '/', stdio: 'ignore' })
    await until(() =>
      this.query('postgres', 'select 1').then(
        () => true,
        () => false,
      ),
    )
  }

  /** Pid of the server. */
  get pid(): number {
    return this.#process!.pid!
  }

  /** Ends the server; SIGKILL ends it as a crash would. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const running = this.#process
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    const ended = new Promise((resolve) => running.once('exit', resolve))
    running.kill(signal)
    await ended
  }

  /** Creates an empty database. @returns its name */
  async create(): Promise<string> {
    const name = `hub_${++this.#databases}`
    await this.query('postgres', `create database ${name}`)
    return name
  }

  /** Runs SQL as the administrator. */
  async query(database: string, text: string): Promise<Record<string, unknown>[]> {
    const sql = postgres({ host: this.#socket, database, username: 'hub', max: 1, onnotice: () => {} })
    try {
      return [...(await sql.unsafe(text))]
    } finally {
      await sql.end({ timeout: 1 })
    }
  }

  /** Returns the address of a database, for `--store`. */
  url(database: string): string {
    return `postgres:///${database}?host=${this.#socket}&user=hub`
  }
}
