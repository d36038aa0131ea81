// Needs: root, systemd-nspawn
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DebianOptions, debianRoot } from './debian.ts'
import { overlay } from './overlay.ts'
import { type Cleanup, tempDir } from './temp.ts'
import { until } from './wait.ts'

/** Timeout of a boot, in milliseconds. On an idle machine, a boot takes a second. */
const BOOT_MS = 60_000
const COMMAND_MS = 120_000
/** Packages for systemd, user services, and downloads, which a server usually has. */
export const PACKAGES = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'libpam-systemd',
  'dbus-user-session',
  'ca-certificates',
  'curl',
]

export interface BootOptions extends DebianOptions {
  unified?: boolean
}

export interface Ran {
  code: number
  stdout: string
  stderr: string
}

/**
 * A booted Debian machine with its own systemd, processes, network, and files. It is deleted after the test.
 */
export class Booted {
  /** Path of the machine's files on the host. */
  readonly root: string
  readonly #log: string
  readonly #nspawn: ChildProcess
  readonly #ended: Promise<void>
  #init = 0

  private constructor(root: string, log: string, binds: Record<string, string>, unified: boolean) {
    this.root = root
    this.#log = log
    const fd = openSync(this.#log, 'w')
    const args = ['--quiet', '--boot', `--directory=${this.root}`, '--register=no', '--keep-unit']
    // The name must be unique, because system folders of the machine are named after it.
    args.push(`--machine=fomular-test-${randomUUID()}`, '--hostname=root')
    for (const [inside, outside] of Object.entries(binds)) args.push(`--bind-ro=${outside}:${inside}`)
    args.push('--private-network', '--console=pipe', '--', 'systemd.show_status=false')
    // Debian 13 boots with version 1 of control groups only if this is set.
    args.push('SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1')
    const env = { ...process.env, ...(unified && { SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' }) }
    this.#nspawn = spawn('systemd-nspawn', args, { env, stdio: ['ignore', fd, fd], detached: true })
    closeSync(fd)
    this.#ended = new Promise((resolve) => this.#nspawn.once('exit', () => resolve()))
  }

  /**
   * @param binds files and folders of the host, by their paths in the machine
   * @param options Debian release, packages to install in addition to systemd and curl, and whether the machine
   * has only version 2 of control groups
   */
  static async boot(t: Cleanup, binds: Record<string, string>, options: BootOptions = {}): Promise<Booted> {
    const { release, packages = [], unified = false } = options
    const lower = await debianRoot({ ...(release && { release }), packages: [...PACKAGES, ...packages] })
    const log = join(tempDir(t), 'boot.log')
    let booted: Booted | undefined
    const root = overlay(t, lower, async () => {
      if (booted) await booted.#close()
    })
    booted = new Booted(root, log, binds, unified)
    await booted.#up()
    return booted
  }

  async #up() {
    const up = async () => {
      if (this.#nspawn.exitCode !== null) throw new Error(`Debian did not boot:\n${this.bootLog()}`)
      this.#init ||= initBelow(this.#nspawn.pid!) ?? 0
      if (this.#init === 0) return false
      const { stdout } = await this.run(['systemctl', 'is-system-running'])
      return /^(running|degraded)/.test(stdout)
    }
    await until(up, { timeoutMs: BOOT_MS, what: 'the boot of the Debian machine' })
  }

  bootLog() {
    return readFileSync(this.#log, 'utf8')
  }

  /** Runs a command in the machine, as root or as another user. */
  run(argv: string[], { user, env = {}, input = '' }: RunOptions = {}): Promise<Ran> {
    const home = user === undefined ? '/root' : `/home/${user}`
    const clean = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: home, ...env }
    const as = user === undefined ? [] : ['runuser', '-u', user, '--']
    const words = Object.entries(clean).map(([name, value]) => `${name}=${value}`)
    const args = [
      '-t',
      String(this.#init),
      '-a',
      '--root',
      '--wd',
      '--',
      'env',
      '-i',
      ...words,
      ...as,
      ...argv,
    ]
    return new Promise((resolve) => {
      const child = execFile('nsenter', args, { timeout: COMMAND_MS }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
      )
      // The command may end without reading its input.
      child.stdin?.on('error', () => {}).end(input)
    })
  }

  /** Returns the output of a command. @throws if the command fails */
  async out(argv: string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(argv, options)
    if (code !== 0) throw new Error(`${argv.join(' ')}: code ${code}\n${stdout}${stderr}`)
    return stdout
  }

  /**
   * Shuts the machine down as an administrator would. The files of the machine stay until the test has ended.
   */
  async powerOff() {
    await this.run(['systemctl', 'poweroff', '--no-block'])
    await this.#ended
  }

  async #close() {
    this.#init ||= initBelow(this.#nspawn.pid!) ?? 0
    // All processes of the machine end with its process 1.
    if (this.#nspawn.exitCode === null && this.#init > 0) process.kill(this.#init, 'SIGKILL')
    else this.#nspawn.kill('SIGTERM')
    await this.#ended
  }
}

interface RunOptions {
  user?: string
  env?: Record<string, string>
  input?: string
}

/** Returns the content of a file in /proc, or an empty string if the process has ended. */
function procFile(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    return ''
  }
}

/** Returns the process that has id 1 in the machine. */
function initBelow(pid: number): number | undefined {
  const children = procFile(`${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean)
  for (const child of children) {
    const status = procFile(`${child}/status`)
    if (/^NSpid:.*\t1$/m.test(status)) return Number(child)
    const below = initBelow(Number(child))
    if (below !== undefined) return below
  }
  return undefined
}
