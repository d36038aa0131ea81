import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianRoot } from './debian.ts'
import type { Cleanup } from './temp.ts'
import { until } from './wait.ts'

/** A boot takes a second, on a machine with nothing else to do. */
const BOOT_MS = 60_000
const COMMAND_MS = 120_000

export interface Ran {
  code: number
  stdout: string
  stderr: string
}

/** A Debian that has been booted with its own systemd, processes, network and files; gone when the test has ended. */
export class Booted {
  /** Its files, from outside. */
  readonly root: string
  readonly #log: string
  readonly #nspawn: ChildProcess
  readonly #ended: Promise<void>
  #init = 0

  private constructor(dir: string, binds: Record<string, string>) {
    this.root = join(dir, 'root')
    this.#log = join(dir, 'boot.log')
    const fd = openSync(this.#log, 'w')
    const args = ['--quiet', '--boot', `--directory=${this.root}`, '--register=no', '--keep-unit']
    for (const [inside, outside] of Object.entries(binds)) args.push(`--bind-ro=${outside}:${inside}`)
    args.push('--private-network', '--console=pipe', '--', 'systemd.show_status=false')
    this.#nspawn = spawn('systemd-nspawn', args, { stdio: ['ignore', fd, fd], detached: true })
    closeSync(fd)
    this.#ended = new Promise((resolve) => this.#nspawn.once('exit', () => resolve()))
  }

  /** @param binds files and folders that it sees, by their paths there */
  static async boot(t: Cleanup, binds: Record<string, string>): Promise<Booted> {
    const lower = await debianRoot()
    const dir = mkdtempSync(join(tmpdir(), 'fomular-debian-'))
    const mounts: string[] = []
    const mount = (path: string, args: string[]) => {
      mkdirSync(path)
      execFileSync('mount', [...args, path])
      mounts.unshift(path)
    }
    let booted: Booted | undefined
    t.after(async () => {
      if (booted) await booted.#close()
      for (const path of mounts) await unmount(path)
      rmSync(dir, { recursive: true })
    })
    const layers = join(dir, 'layers')
    mount(layers, ['-t', 'tmpfs', 'tmpfs'])
    for (const name of ['upper', 'work']) mkdirSync(join(layers, name))
    const options = `lowerdir=${lower},upperdir=${layers}/upper,workdir=${layers}/work`
    mount(join(dir, 'root'), ['-t', 'overlay', 'overlay', '-o', options])
    booted = new Booted(dir, binds)
    await booted.#up()
    return booted
  }

  async #up() {
    const up = async () => {
      if (this.#nspawn.exitCode !== null) throw new Error(`it did not boot:\n${this.bootLog()}`)
      this.#init ||= initBelow(this.#nspawn.pid!) ?? 0
      if (this.#init === 0) return false
      const { stdout } = await this.run(['systemctl', 'is-system-running'])
      return /^(running|degraded)/.test(stdout)
    }
    await until(up, { timeoutMs: BOOT_MS, what: 'a booted Debian' })
  }

  bootLog() {
    return readFileSync(this.#log, 'utf8')
  }

  /** Runs a command in it, as root or as another user there. */
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
      // It may have ended without reading it.
      child.stdin?.on('error', () => {}).end(input)
    })
  }

  /** The output of a command that must succeed. */
  async out(argv: string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(argv, options)
    if (code !== 0) throw new Error(`${argv.join(' ')}: code ${code}\n${stdout}${stderr}`)
    return stdout
  }

  /** Shuts it down as an administrator would. Its files stay until the test has ended. */
  async powerOff() {
    await this.run(['systemctl', 'poweroff', '--no-block'])
    await this.#ended
  }

  async #close() {
    this.#init ||= initBelow(this.#nspawn.pid!) ?? 0
    // With its process 1, all of it ends.
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

/** Empty where the process has ended meanwhile. */
function procFile(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    return ''
  }
}

/** The process that is number 1 inside. */
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

/** What is just ending may still hold it. */
const unmount = (path: string) =>
  until(() => {
    try {
      execFileSync('umount', [path], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })
