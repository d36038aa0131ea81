import { chownSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa, execaSync } from 'execa'
import { ProcessIdentity } from '../../src/platform/process-identity.ts'
import type { Outcome } from '../../src/protocol/index.ts'
import { fakeAgent } from './fake-agent.ts'
import { reachable } from './nodes.ts'
import { built, executable, PACKAGE, type TestRegistry } from './registry.ts'
import { type Running, Stage } from './stage.ts'
import type { Cleanup } from './temp.ts'
import { until } from './wait.ts'

export interface InstallationOptions {
  /** Version that an administrator installs with npm. */
  version?: string
  /** True to install in `~/.fomular`. */
  inHome?: boolean
  /** True if the daemon's user cannot write to the global prefix. */
  withoutRights?: boolean
  node?: string
  env?: Record<string, string>
  /** Size of a separate disk for the prefix. */
  diskMiB?: number
  /** True to install an executable that needs no Node, as the installer does. */
  asExecutable?: boolean
  /**
   * The executable. By default, the program with a `#!` line for Node, because building an executable takes
   * longer.
   */
  program?: string | Uint8Array
}

interface Supervisor {
  /** Exit codes or signals of the daemons that have ended so far. */
  exits: (number | string)[]
  stop(): Promise<void>
}

/** User id without an account. */
const NOBODY = 60_123

/**
 * A machine with a hub, a registry, agents with streaming output, and this program, which npm has installed.
 */
export class Installation {
  readonly stage: Stage
  readonly registry: TestRegistry
  readonly prefix: string
  readonly node: string
  readonly #asUser: string[]
  #runner: string[]

  private constructor(
    stage: Stage,
    registry: TestRegistry,
    node: string,
    { withoutRights = false, inHome = false }: InstallationOptions,
  ) {
    this.stage = stage
    this.registry = registry
    this.node = node
    this.#runner = [node]
    this.prefix = inHome ? join(stage.env.HOME!, '.fomular') : join(stage.dir, 'global')
    this.#asUser = withoutRights
      ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--']
      : []
  }

  static async open(
    t: Cleanup,
    registry: TestRegistry,
    {
      asExecutable = false,
      program,
      version = '1.0.0',
      withoutRights = false,
      inHome = false,
      node = process.execPath,
      env = {},
      diskMiB,
    }: InstallationOptions = {},
  ): Promise<Installation> {
    let disk: string | undefined
    // Unmounts the disk before the stage's folder is deleted. Unmounts lazily, because a process from that
    // disk may still be ending.
    t.after(() => void (disk !== undefined && execaSync('umount', ['--lazy', disk])))
    const stage = await Stage.open(t, { FOMULAR_UPDATE_CONFIRM_S: '10', ...env })
    const own = withoutRights ? reachable(node, stage.dir) : node
    stage.env.FOMULAR_CLAUDE_PATH ??= fakeAgent(
      t,
      stage.dir,
      node === process.execPath ? own : process.execPath,
    )
    const installation = new Installation(stage, registry, own, { withoutRights, inHome })
    const { prefix } = installation
    writeFileSync(join(stage.env.HOME!, '.npmrc'), `registry=${registry.url}\nupdate-notifier=false\n`)
    if (!asExecutable || withoutRights) stage.env.PATH = `${dirname(own)}:${stage.env.PATH}`
    if (asExecutable) {
      await installation.#placeExecutable(version, program)
      if (withoutRights) installation.#giveToUser()
      return installation
    }
    mkdirSync(prefix)
    if (diskMiB !== undefined) {
      await execa('mount', ['-t', 'tmpfs', '-o', `size=${diskMiB}m`, 'none', prefix])
      disk = prefix
    }
    await execa(
      'npm',
      ['install', '--global', '--prefix', prefix, '--no-audit', '--no-fund', `${PACKAGE}@${version}`],
      { env: stage.env, extendEnv: false },
    )
    if (withoutRights) installation.#giveToUser()
    stage.daemonCommand = [...installation.#asUser, own, installation.command]
    return installation
  }

  async #placeExecutable(version: string, program?: string | Uint8Array) {
    const { prefix, stage } = this
    const bin = join(prefix, 'versions', version, 'bin')
    mkdirSync(bin, { recursive: true })
    mkdirSync(join(prefix, 'bin'))
    writeFileSync(join(bin, 'fomular-daemon'), program ?? (await executable(version)), { mode: 0o755 })
    symlinkSync(join('versions', version), join(prefix, 'current'))
    symlinkSync('../current/bin/fomular-daemon', this.command)
    this.#runner = []
    stage.daemonCommand = [...this.#asUser, this.command]
  }

  /** Makes the user the owner of everything except the installation. */
  #giveToUser() {
    const { dir, cwd, env } = this.stage
    for (const path of [dir, cwd, env.HOME!, join(env.HOME!, '.npmrc')]) chownSync(path, NOBODY, NOBODY)
  }

  /** Returns the path of the command that npm or the installer installed. */
  get command() {
    return join(this.prefix, 'bin/fomular-daemon')
  }

  get userCommand() {
    return join(this.stage.env.HOME!, '.fomular/bin/fomular-daemon')
  }

  get packageDir() {
    return join(this.prefix, 'lib/node_modules', PACKAGE)
  }

  /** Runs the installed command as the daemon's user. */
  async run(args: string[], command = this.command) {
    const [file, ...rest] = [...this.#asUser, ...this.#runner, command, ...args] as [string, ...string[]]
    const run = await execa(file, rest, {
      env: this.stage.env,
      extendEnv: false,
      cwd: this.stage.dir,
      reject: false,
      stdin: 'ignore',
    })
    return { code: run.exitCode, stdout: run.stdout, stderr: run.stderr }
  }

  async version(command = this.command): Promise<string> {
    const { code, stdout, stderr } = await this.run(['--version'], command)
    return code === 0 ? stdout.trim() : `broken: ${stderr}`
  }

  async start(): Promise<Running> {
    await this.hub()
    return this.stage.daemon()
  }

  /**
   * Starts the hub as the daemon's user, because only the hub's user can read the key file that the daemon
   * needs.
   * @param code the hub's program
   */
  async hub(code: string | Promise<string> = built('1.0.0')) {
    const { stage } = this
    const program = join(stage.dir, 'hub.cjs')
    writeFileSync(program, await code)
    const args = ['hub', '--host', '127.0.0.1', '--port', String(stage.port)]
    const hub = stage.run(args, {}, [...this.#asUser, this.node, program])
    const health = () =>
      fetch(`${stage.hubUrl}/health`).then(
        (r) => r.ok,
        () => false,
      )
    await until(health, { what: 'the hub' }).catch((error) => {
      throw new Error(`${error.message}\n${hub.log()}`)
    })
    return hub
  }

  /**
   * Acts as a supervisor: starts the daemon, and starts it again after each failure and requested restart.
   * @param env variables by which the daemon recognizes that supervisor
   */
  supervise(env: Record<string, string> = { FOMULAR_DAEMON_NO_SELF_RELAUNCH: '1' }): Supervisor {
    const exits: (number | string)[] = []
    let stopped = false
    let running: Running | undefined
    const loop = async () => {
      while (!stopped) {
        running = this.stage.run(this.stage.daemonArgs(), env, this.stage.daemonCommand)
        exits.push(await running.ended)
        if (exits.at(-1) === 0) return
        // systemd's default delay.
        await sleep(100)
      }
    }
    const ended = loop()
    return {
      exits,
      async stop() {
        stopped = true
        running?.kill('SIGTERM')
        await ended
      },
    }
  }

  /** Returns the process of the daemon that holds the state folder. */
  get daemon(): ProcessIdentity | undefined {
    try {
      return ProcessIdentity.parse(JSON.parse(readFileSync(join(this.stage.state, 'lock'), 'utf8')))
    } catch {
      return undefined
    }
  }

  record() {
    return JSON.parse(readFileSync(join(this.stage.state, 'update.json'), 'utf8'))
  }

  /** Requests an update through the hub and waits for its result. */
  async order(version: string, body: object = {}): Promise<Outcome> {
    const { stage } = this
    const machine = await stage.machine()
    return stage.api('POST', `/api/machines/${machine!.machine_id}/update?wait=120`, { version, ...body })
  }

  /** Waits until a daemon of this version is connected. */
  async runs(version: string) {
    await until(
      async () => {
        const machine = await this.stage.machine().catch(() => undefined)
        return machine?.connected && machine.daemon_version === version
      },
      {
        what: `a daemon of version ${version}`,
        timeoutMs: 120_000,
        seen: () => readFileSync(join(this.stage.state, 'daemon.log'), 'utf8').slice(-5_000),
      },
    )
  }

  /** Returns the process ids of the daemons of this stage. */
  daemons(): number[] {
    return this.stage
      .processes()
      .map(({ pid }) => pid)
      .filter((pid) => {
        try {
          const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
          // Skips a shell that waits for the previous daemon to end.
          return args.includes('--server-url') && readlinkSync(`/proc/${pid}/exe`).endsWith('node')
        } catch {
          return false
        }
      })
  }
}
