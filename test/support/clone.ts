// Needs: git
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { nodeOf } from './nodes.ts'
import { npmSettings } from './npm-settings.ts'
import { type Cleanup, tempDir } from './temp.ts'
import { testTool } from './tool.ts'

const checkout = fileURLToPath(new URL('../..', import.meta.url))

/** Makes a clone of this checkout at `to`, including uncommitted changes of tracked files. */
export async function cloneInto(to: string) {
  await execa('git', ['clone', '--quiet', '--no-hardlinks', checkout, to])
  const { stdout: changes } = await execa('git', ['diff', '--binary', 'HEAD'], {
    cwd: checkout,
    stripFinalNewline: false,
  })
  if (changes !== '') await execa('git', ['apply', '--index', '-'], { cwd: to, input: changes })
}

/** A machine with one Node and one npm, and a fresh clone. */
export class Newcomer {
  readonly clone: string
  readonly home: string
  /** The prefix of `npm install --global`. */
  readonly prefix: string
  readonly env: Record<string, string>
  /** Process ids of the leaders of running process groups. */
  readonly #running: Set<number>

  private constructor(dir: string, bin: string, running: Set<number>) {
    this.#running = running
    this.clone = join(dir, 'the clone')
    this.home = join(dir, 'home')
    this.env = { PATH: `${bin}:/usr/bin:/bin`, HOME: this.home }
    mkdirSync(this.home)
    this.prefix = join(dir, 'prefix')
    mkdirSync(join(this.prefix, 'lib'), { recursive: true })
    writeFileSync(join(this.home, '.npmrc'), `${npmSettings()}prefix=${this.prefix}\n`)
  }

  static async open(t: Cleanup, node: string, npm: string): Promise<Newcomer> {
    const running = new Set<number>()
    // Runs before the hook that deletes the folder.
    t.after(() => {
      for (const pid of running) process.kill(-pid, 'SIGKILL')
    })
    const dir = tempDir(t)
    const bin = join(dir, 'bin')
    mkdirSync(bin)
    symlinkSync(await nodeOf(node), join(bin, 'node'))
    const script = join(await testTool('npm', npm), 'npm/bin')
    for (const name of ['npm', 'npx']) symlinkSync(join(script, `${name}-cli.js`), join(bin, name))
    const newcomer = new Newcomer(dir, bin, running)
    await cloneInto(newcomer.clone)
    return newcomer
  }

  /** Starts a command in the clone, or in another folder. */
  start(command: string, args: readonly string[], { cwd = this.clone, env = {} } = {}) {
    const started = execa(command, args, {
      cwd,
      env: { ...this.env, ...env },
      extendEnv: false,
      all: true,
      reject: false,
      stdin: 'ignore',
      detached: true,
    })
    const { pid } = started
    if (pid !== undefined) {
      this.#running.add(pid)
      started.once('exit', () => this.#running.delete(pid))
    }
    return started
  }

  /** Returns the output of a command, including stderr. @throws if the command fails */
  async out(
    command: string,
    args: readonly string[],
    options: { cwd?: string; env?: Record<string, string> } = {},
  ) {
    const { exitCode, all = '' } = await this.start(command, args, options)
    if (exitCode !== 0) throw new Error(`${command} ${args.join(' ')}: code ${exitCode}\n${all}`)
    return all
  }
}
