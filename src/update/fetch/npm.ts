import { existsSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { childEnvironment } from '../../config/environment.ts'
import { EXECUTABLE } from '../../platform/executable.ts'
import { programsOnPath } from '../../platform/on-path.ts'
import { isForeign, type Trusting } from './npm-files.ts'

/**
 * Time limit for npm, in milliseconds, because npm may hang. npm normally prints its settings in half a
 * second.
 */
const NPM_MS = 60_000
/** Maximum output of npm, in bytes: its settings are only a few lines. */
const OUTPUT_BYTES = 1024 * 1024

export interface Npm {
  file: string
  /** Arguments that precede npm's own arguments. */
  args: string[]
}

/**
 * Returns the npm that belongs to the Node of this program. If there is none, returns the first npm on PATH
 * that does not belong to another user.
 */
export function findNpm(env: NodeJS.ProcessEnv): Npm | undefined {
  const own = join(dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js')
  if (!EXECUTABLE && existsSync(own)) return { file: process.execPath, args: [own] }
  const file = programsOnPath('npm', env).find((path) => !isForeign(path, env))
  return file === undefined ? undefined : { file, args: [] }
}

interface NpmRun {
  ok: boolean
  stdout: string
}

/** Returns the path of npm's program, which is two levels below npm's folder. */
export const programOf = ({ file, args: [script = file] }: Npm): string => realpathSync(script)

/** The source of versions: a package, and a registry with the settings to reach it. */
export interface Source extends Trusting {
  package: string
  /** The registry in this program's settings, which overrides `.npmrc`. */
  registry?: string | undefined
  /**
   * A temporary folder without an `.npmrc`, so that npm uses the user's `.npmrc`, and not a file in the
   * daemon's working directory.
   */
  cwd: string
  signal: AbortSignal
  /** Called with each address before it is requested. @throws UpdateFailure to refuse it */
  check?: ((address: string) => void) | undefined
}

/**
 * Runs npm to get its settings. npm gets none of this program's secrets, and its arguments do not pass
 * through a shell.
 */
export async function runNpm(npm: Npm, args: string[], source: Source): Promise<NpmRun> {
  const { cwd, env, signal, registry } = source
  const [, scope] = /^(@[^/]+)\//.exec(source.package) ?? []
  const flags = [
    '--ignore-scripts',
    '--no-update-notifier',
    // Do not use the user's own cache: it may belong to root after a `sudo npm`, or its disk may be full.
    `--cache=${join(cwd, 'npm-cache')}`,
    '--logs-max=0',
  ]
  const settings = new Map(Object.entries(env).filter(([name]) => /^npm_config_/i.test(name)))
  // Pass the registry's address in a variable: it may contain a password, and all users can see arguments.
  for (const key of registry === undefined ? [] : ['registry', ...(scope ? [`${scope}:registry`] : [])]) {
    const name = `npm_config_${key}`
    for (const other of [...settings.keys()])
      if (other.toLowerCase() === name.toLowerCase()) settings.delete(other)
    settings.set(name, registry)
  }
  // Without this file, npm searches the folders above for a package.json, treats the nearest folder with one
  // as its project, and trusts the .npmrc there. Any user can create a package.json and an .npmrc in /tmp.
  writeFileSync(join(cwd, 'package.json'), '{}')
  const { execa } = await import('execa')
  const run = await execa(npm.file, [...npm.args, ...args, ...flags], {
    cwd,
    env: { ...childEnvironment(env), ...Object.fromEntries(settings) },
    extendEnv: false,
    cancelSignal: signal,
    timeout: NPM_MS,
    forceKillAfterDelay: false,
    killSignal: 'SIGKILL',
    maxBuffer: OUTPUT_BYTES,
    stdin: 'ignore',
    reject: false,
    // Only the daemon must handle signals to the process group, such as Ctrl-C in a terminal.
    detached: true,
  })
  return { ok: !run.failed, stdout: run.stdout }
}
