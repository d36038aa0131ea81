import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chrooted } from './chroot.ts'
import { cloneInto } from './clone.ts'
import { type DebianOptions, debianRoot } from './debian.ts'
import { npmSettings } from './npm-settings.ts'
import { overlay } from './overlay.ts'
import type { Cleanup } from './temp.ts'
import { until } from './wait.ts'

/** Path at which most programs look for certificates. Each program has a separate variable to change it. */
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'
/** Variables of this machine that determine its proxies. */
const PASSED_ON = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']
export const USER = 'ada'

interface Options {
  /** Default: root. */
  user?: string
  cwd?: string
  env?: Record<string, string>
}

/** A running command in the Debian system. `text` returns its output so far: stdout and stderr together. */
export interface Inside {
  text(): string
  /** Exit code, or the signal's name. */
  ended: Promise<number | string>
  /** Sends SIGINT to every process of the command, like a terminal. */
  ctrlC(): void
}

/**
 * A new Debian system with only a few packages and this machine's network. It has an ordinary user, `USER`,
 * without a password. It has no systemd; use `Booted` for tests with systemd.
 */
export class FreshDebian {
  /** Path on the host at which the Debian system has its files. */
  readonly root: string
  readonly #running = new Set<ChildProcess>()

  private constructor(t: Cleanup, lower: string) {
    this.root = overlay(t, lower, () => this.#close())
  }

  /** @param debian default: only the packages that a clone needs */
  static async open(
    t: Cleanup,
    { release = 'bookworm', packages = ['nodejs', 'npm', 'git', 'ca-certificates'] }: DebianOptions = {},
  ): Promise<FreshDebian> {
    const machine = new FreshDebian(t, await debianRoot({ release, packages }))
    copyFileSync('/etc/resolv.conf', join(machine.root, 'etc/resolv.conf'))
    // Debian's installer writes this file, but debootstrap does not.
    writeFileSync(join(machine.root, 'etc/hosts'), '127.0.0.1 localhost\n')
    if (existsSync(CERTIFICATES)) {
      mkdirSync(join(machine.root, 'etc/ssl/certs'), { recursive: true })
      copyFileSync(CERTIFICATES, join(machine.root, CERTIFICATES))
    }
    await machine.out(['useradd', '--create-home', '--shell', '/bin/bash', USER])
    machine.#npmSettings()
    return machine
  }

  /** Makes npm in the Debian system use the same registry settings as on this machine. */
  #npmSettings() {
    const settings = npmSettings(existsSync(CERTIFICATES) ? { cafile: CERTIFICATES } : {})
    // These are the folders of Debian's npm, and of another npm that is installed next to it.
    for (const path of ['etc', 'usr/etc', 'usr/local/etc']) {
      mkdirSync(join(this.root, path), { recursive: true })
      writeFileSync(join(this.root, path, 'npmrc'), settings)
    }
  }

  /** Makes a clone of this checkout, owned by root or by the user. @returns the clone's path in the system */
  async clone(path: string, user = 'root'): Promise<string> {
    await cloneInto(join(this.root, path))
    await this.out(['chown', '-R', user, path])
    return path
  }

  /** Starts a command with its input closed. */
  start(argv: readonly string[], { user, cwd = '/', env = {} }: Options = {}): Inside {
    const home = user === undefined ? '/root' : `/home/${user}`
    const path =
      user === undefined
        ? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
        : '/usr/local/bin:/usr/bin:/bin'
    const passed = PASSED_ON.flatMap((name) =>
      process.env[name] ? [[name, process.env[name]] as const] : [],
    )
    const all = { PATH: path, HOME: home, LANG: 'C.UTF-8', ...Object.fromEntries(passed), ...env }
    const words = Object.entries(all).map(([name, value]) => `${name}=${value}`)
    const as =
      user === undefined ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups', '--']
    const [file, ...args] = chrooted(this.root, [...as, 'env', '-i', `--chdir=${cwd}`, ...words, ...argv])
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    this.#running.add(child)
    let text = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (data) => (text += data))
    const ended = new Promise<number | string>((resolve) =>
      child.once('close', (code, signal) => {
        this.#running.delete(child)
        resolve(code ?? signal ?? 'lost')
      }),
    )
    return { text: () => text, ended, ctrlC: () => void process.kill(-child.pid!, 'SIGINT') }
  }

  /** Runs a command and waits for its end. */
  async run(
    argv: readonly string[],
    options: Options = {},
  ): Promise<{ code: number | string; text: string }> {
    const { ended, text } = this.start(argv, options)
    const code = await ended
    return { code, text: text() }
  }

  /** Returns the output of a command. @throws if the command fails */
  async out(argv: readonly string[], options: Options = {}): Promise<string> {
    const { code, text } = await this.run(argv, options)
    if (code !== 0) throw new Error(`${argv.join(' ')}: code ${code}\n${text}`)
    return text
  }

  async #close() {
    // Killing the first process of a command's namespace ends all processes of the command.
    for (const child of this.#running) child.kill('SIGKILL')
    await until(() => this.#running.size === 0, { what: 'the end of all processes in the Debian system' })
  }
}
