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

/** Where most programs look for certificates, each in its own way. */
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'
/** The way to the network, and whom to trust on it, as this machine has them. */
const PASSED_ON = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']
export const USER = 'ada'

interface Options {
  /** Else root. */
  user?: string
  cwd?: string
  env?: Record<string, string>
}

/** What runs in a fresh Debian, and what it has said so far, stdout and stderr together. */
export interface Inside {
  text(): string
  /** Exit code, or a signal's name. */
  ended: Promise<number | string>
  /** As a terminal does it: to everything that has been started. */
  ctrlC(): void
}

/**
 * A Debian of nothing but a few packages, in which nobody has done anything yet, with this machine's network. No systemd
 * runs in it; for that see `Booted`. There is an ordinary user, `USER`, without a password.
 */
export class FreshDebian {
  /** Its files, from outside. */
  readonly root: string
  readonly #running = new Set<ChildProcess>()

  private constructor(t: Cleanup, lower: string) {
    this.root = overlay(t, lower, () => this.#close())
  }

  /** @param debian by default it has what a clone needs, and nothing else */
  static async open(
    t: Cleanup,
    { release = 'bookworm', packages = ['nodejs', 'npm', 'git', 'ca-certificates'] }: DebianOptions = {},
  ): Promise<FreshDebian> {
    const machine = new FreshDebian(t, await debianRoot({ release, packages }))
    copyFileSync('/etc/resolv.conf', join(machine.root, 'etc/resolv.conf'))
    // Debian's installer writes it, debootstrap does not.
    writeFileSync(join(machine.root, 'etc/hosts'), '127.0.0.1 localhost\n')
    if (existsSync(CERTIFICATES)) {
      mkdirSync(join(machine.root, 'etc/ssl/certs'), { recursive: true })
      copyFileSync(CERTIFICATES, join(machine.root, CERTIFICATES))
    }
    await machine.out(['useradd', '--create-home', '--shell', '/bin/bash', USER])
    machine.#npmSettings()
    return machine
  }

  /** npm there reaches the registry as npm here does. */
  #npmSettings() {
    const settings = npmSettings(existsSync(CERTIFICATES) ? { cafile: CERTIFICATES } : {})
    // Of Debian's npm, and of one that somebody installs beside it.
    for (const path of ['etc', 'usr/etc', 'usr/local/etc']) {
      mkdirSync(join(this.root, path), { recursive: true })
      writeFileSync(join(this.root, path, 'npmrc'), settings)
    }
  }

  /** A clone of this checkout, owned by root or by the user. @returns its path there */
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

  /** Runs a command to its end. */
  async run(
    argv: readonly string[],
    options: Options = {},
  ): Promise<{ code: number | string; text: string }> {
    const { ended, text } = this.start(argv, options)
    const code = await ended
    return { code, text: text() }
  }

  /** The output of a command that must succeed. */
  async out(argv: readonly string[], options: Options = {}): Promise<string> {
    const { code, text } = await this.run(argv, options)
    if (code !== 0) throw new Error(`${argv.join(' ')}: code ${code}\n${text}`)
    return text
  }

  async #close() {
    // With the first process of its namespace, all that it has started ends.
    for (const child of this.#running) child.kill('SIGKILL')
    await until(() => this.#running.size === 0, { what: 'the end of what runs in a Debian' })
  }
}
