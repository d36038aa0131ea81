// Needs: root, busybox, curl, fish, ksh93, openssl, sudo, wget, zsh
import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { execa } from 'execa'
import { INSTALLER } from './installer.ts'
import { ReleaseServer } from './release-server.ts'
import { Stage } from './stage.ts'
import { tempDir } from './temp.ts'
import { until } from './wait.ts'

/** Shells into which users paste the line. */
export const SHELLS = [['bash'], ['dash'], ['zsh'], ['fish'], ['ksh93'], ['busybox', 'sh']]

/** Home folder of a user on an empty machine. */
export class Home {
  readonly dir: string
  readonly prefix: string

  constructor(t: TestContext) {
    this.dir = join(tempDir(t), "o'home $x")
    mkdirSync(this.dir)
    this.prefix = join(this.dir, 'program')
  }

  /** Pastes a line into a shell. Installs below this home folder, even if root runs the tests. */
  async paste(line: string, [shell, ...args]: string[]) {
    const flags = `--service none --prefix "$HOME/program"`
    const { exitCode, stdout, stderr } = await execa(shell!, [...args, '-c', `${line} ${flags}`], {
      env: { PATH: process.env.PATH, HOME: this.dir, TMPDIR: this.dir },
      extendEnv: false,
      reject: false,
      stdin: 'ignore',
      timeout: 60_000,
    })
    return { code: exitCode, out: stdout, err: stderr }
  }

  /** Returns the files in the home folder, except files that fish creates itself. */
  files() {
    return readdirSync(this.dir)
      .filter((name) => !['.config', '.local', '.cache'].includes(name))
      .sort()
  }

  calls() {
    const path = join(this.dir, 'calls')
    return existsSync(path) ? readFileSync(path, 'utf8') : ''
  }
}

/** Serves a release and the installer. */
export async function release(t: TestContext) {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  copyFileSync(INSTALLER, join(server.dir, 'install.sh'))
  return server
}

/** Starts a hub that serves a release. */
export async function hub(t: TestContext, flags: string[] = [], url?: (port: number) => string, env = {}) {
  const stage = await Stage.open(t, env)
  const server = await release(t)
  mkdirSync(join(stage.state, 'hub'), { recursive: true, mode: 0o700 })
  symlinkSync(server.dir, join(stage.state, 'hub/releases'))
  if (url) stage.env.FOMULAR_HUB_URL = url(stage.port)
  stage.env.FOMULAR_HUB_KEY_FILE = join(stage.state, 'hub/user.key')
  const running = stage.run(['hub', '--host', '127.0.0.1', '--port', String(stage.port), ...flags])
  await until(() => /Hub: /.test(running.log()), { what: 'the hub' })
  const add = async (...args: string[]) => {
    const command = stage.run(['machine', 'add', '--json', ...args])
    assert.equal(await command.ended, 0, command.log())
    return JSON.parse(command.log()) as Record<
      'install' | 'install_wget' | 'enroll' | 'token' | 'server_url',
      string
    > & {
      warnings: string[]
    }
  }
  return { stage, server, add }
}
