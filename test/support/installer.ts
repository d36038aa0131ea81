import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import type { ReleaseServer } from './release-server.ts'
import { type Cleanup, tempDir } from './temp.ts'

export const INSTALLER = fileURLToPath(new URL('../../installer/install.sh', import.meta.url))
export const script = readFileSync(INSTALLER, 'utf8')

/** Shells that run the installer. */
export const SHELLS: [string, ...string[]][] = [
  ['dash'],
  ['bash', '--posix'],
  ['busybox', 'sh'],
  ['ksh93'],
  ['zsh', '--emulate', 'sh'],
]
/** Programs that the installer may need, besides a shell. */
export const TOOLS = [
  'awk',
  'cat',
  'chmod',
  'cp',
  'date',
  'df',
  'getconf',
  'grep',
  'gzip',
  'head',
  'id',
  'ldd',
  'ln',
  'ls',
  'mkdir',
  'mktemp',
  'mv',
  'readlink',
  'rm',
  'rmdir',
  'sed',
  'sha256sum',
  'tail',
  'tar',
  'tr',
  'uname',
  'wc',
  'openssl',
  'env',
  'setsid',
]

export interface Box {
  home: string
  prefix: string
  /** The only folder on PATH. */
  bin: string
  env: Record<string, string>
  /** Runs the installer by piping it into a shell. */
  run(
    args?: string[],
    options?: { shell?: string[]; env?: Record<string, string>; wrap?: string[]; input?: string },
  ): Promise<Ran>
  /** Returns every file in HOME. */
  files(): string[]
}

interface Ran {
  code: number | undefined
  out: string
  err: string
}

/** Makes an empty home folder, and a PATH with only these tools. */
export function box(t: Cleanup, server?: ReleaseServer, tools = [...TOOLS, 'curl']): Box {
  const dir = tempDir(t)
  const home = join(dir, 'home')
  const bin = join(dir, 'bin')
  for (const path of [home, bin]) mkdirSync(path)
  for (const tool of tools) symlinkSync(whereIs(tool), join(bin, tool))
  // Makes `sleep` return at once, because the installer sleeps between attempts.
  symlinkSync(whereIs('true'), join(bin, 'sleep'))
  const env = { PATH: bin, HOME: home, TMPDIR: dir, ...(server && { FOMULAR_INSTALL_BASE_URL: server.url }) }
  const prefix = join(home, '.fomular')
  return {
    home,
    prefix,
    bin,
    env,
    async run(args = [], { shell = ['dash'], env: more = {}, wrap = [], input = script } = {}) {
      const [file = '', ...before] = [...wrap, whereIs(shell[0]!), ...shell.slice(1)]
      const { exitCode, stdout, stderr } = await execa(
        file,
        [...before, '-s', '--', '--prefix', prefix, ...args],
        {
          input,
          env: { ...env, ...more },
          extendEnv: false,
          reject: false,
          timeout: 120_000,
        },
      )
      return { code: exitCode, out: stdout, err: stderr }
    },
    files: () =>
      (readdirSync(home, { recursive: true }) as string[])
        .filter((path) => !path.includes('/current/'))
        .sort(),
  }
}

export function whereIs(program: string): string {
  const dirs = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
  const found = dirs.map((dir) => join(dir, program)).find((path) => existsSync(path))
  if (found === undefined) throw new Error(`${program} is not installed: see packaging/debian-packages`)
  return found
}

export async function versionOf({ prefix, env }: Box) {
  return (await execa(join(prefix, 'bin/fomular-daemon'), ['--version'], { env, extendEnv: false })).stdout
}

/** Returns the compressed executable of version 1.0.0. */
export const gz = (server: ReleaseServer) =>
  join(server.dir, '1.0.0', `fomular-daemon-linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}.gz`)
