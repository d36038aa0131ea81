// Needs: /usr/lib/postgresql/*/bin/postgres
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, globSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { accountOf } from '../../src/platform/account.ts'
import type { Certificates } from './certificates.ts'
import { freePort } from './stage.ts'
import { type Cleanup, tempDir } from './temp.ts'
import { until } from './wait.ts'

const [BIN] = globSync('/usr/lib/postgresql/*/bin')
/** Name of standbys in `synchronous_standby_names`. */
const STANDBY = 'standby'

/** PostgreSQL does not run as root. */
const account = process.getuid?.() === 0 ? accountOf('postgres') : undefined
const ids = account ? { uid: account.uid, gid: account.gid } : {}

interface Place {
  data: string
  /** Folder of the Unix socket. */
  socket: string
  /** Port on 127.0.0.1; undefined if the server listens only on the socket. */
  port: number | undefined
  /** Further settings, such as `ssl=on`. */
  settings: string[]
}

export interface TestPostgresOptions {
  /** Listens also on 127.0.0.1. */
  tcp?: boolean
  /** Certificate for connections over TCP. */
  tls?: Certificates
}

/** A PostgreSQL with durable writes in a temporary folder. */
export class TestPostgres {
  readonly #place: Place
  #process: ChildProcess | undefined
  #databases = 0

  private constructor(place: Place) {
    this.#place = place
  }

  static async start(t: Cleanup, options: TestPostgresOptions = {}): Promise<TestPostgres> {
    const place = await makePlace(t, options)
    const auth = ['--username', 'hub', '--auth', 'trust']
    program('initdb', '--pgdata', place.data, ...auth, '--encoding', 'UTF8', '--no-locale')
    return run(t, new TestPostgres(place))
  }

  async start(): Promise<void> {
    const { data, socket, port, settings } = this.#place
    const listen = port === undefined ? ['listen_addresses='] : ['listen_addresses=127.0.0.1', `port=${port}`]
    const set = [...listen, 'fsync=on', ...settings].flatMap((each) => ['-c', each])
    const args = ['-D', data, '-k', socket, ...set]
    this.#process = spawn(`${BIN}/postgres`, args, { ...ids, cwd: '/', stdio: 'ignore' })
    await until(() =>
      this.query('postgres', 'select 1').then(
        () => true,
        () => false,
      ),
    )
  }

  /** Starts a standby, for which this server waits with each commit. */
  async startStandby(t: Cleanup): Promise<TestPostgres> {
    const place = await makePlace(t, { tcp: true })
    const { socket, port } = this.#place
    const from = `host=${socket} port=${port ?? 5432} user=hub application_name=${STANDBY}`
    program('pg_basebackup', '-D', place.data, '-d', from, '-R', '-X', 'stream', '-c', 'fast')
    const standby = await run(t, new TestPostgres(place))
    await this.query('postgres', `alter system set synchronous_standby_names = '${STANDBY}'`)
    await this.query('postgres', 'select pg_reload_conf()')
    await until(async () => {
      const rows = await this.query('postgres', 'select sync_state from pg_stat_replication')
      return rows[0]?.sync_state === 'sync'
    })
    return standby
  }

  /** Makes a standby accept changes. */
  async promote(): Promise<void> {
    await this.query('postgres', 'select pg_promote()')
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
    const { socket, port = 5432 } = this.#place
    const client = new pg.Client({ host: socket, port, database, user: 'hub' })
    // The server may end while the statement is running, which then fails.
    client.on('error', () => {})
    try {
      await client.connect()
      return (await client.query(text)).rows
    } finally {
      await client.end()
    }
  }

  /** Locks a table, so that no other client can read it. @returns a function that unlocks it */
  async lock(database: string, table: string): Promise<() => Promise<void>> {
    const { socket, port = 5432 } = this.#place
    const client = new pg.Client({ host: socket, port, database, user: 'hub' })
    client.on('error', () => {})
    await client.connect()
    await client.query('begin')
    await client.query(`lock table ${table} in access exclusive mode`)
    return () => client.end()
  }

  /** Returns the address of a database, for `--store`. */
  url(database: string, folder = this.socket): string {
    return `postgres:///${database}?host=${folder}&port=${this.#place.port ?? 5432}&user=hub`
  }

  /** Folder with the Unix socket. */
  get socket(): string {
    return this.#place.socket
  }

  /** The port on 127.0.0.1. */
  get port(): number {
    return this.#place.port!
  }
}

async function makePlace(t: Cleanup, { tcp, tls }: TestPostgresOptions): Promise<Place> {
  const dir = tempDir(t)
  chmodSync(dir, 0o755)
  const [data, socket] = [join(dir, 'data'), join(dir, 'socket')]
  for (const each of [data, socket]) {
    mkdirSync(each, { mode: 0o700 })
    if (account) chownSync(each, account.uid, account.gid)
  }
  const settings: string[] = []
  if (tls) {
    const own = { ssl_cert_file: join(dir, 'server.pem'), ssl_key_file: join(dir, 'server.key') }
    copyFileSync(tls.certificate, own.ssl_cert_file)
    copyFileSync(tls.key, own.ssl_key_file)
    for (const file of Object.values(own)) {
      chmodSync(file, 0o600)
      if (account) chownSync(file, account.uid, account.gid)
    }
    settings.push('ssl=on', ...Object.entries(own).map(([name, file]) => `${name}=${file}`))
  }
  return { data, socket, port: tcp || tls ? await freePort() : undefined, settings }
}

async function run(t: Cleanup, server: TestPostgres): Promise<TestPostgres> {
  t.after(() => server.kill('SIGINT'))
  await server.start()
  return server
}

const program = (name: string, ...args: string[]) =>
  execFileSync(`${BIN}/${name}`, args, { ...ids, cwd: '/', stdio: 'ignore' })
