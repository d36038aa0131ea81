import { accessSync, constants, existsSync, realpathSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { childEnvironment } from '../config/environment.ts'
import { EXECUTABLE } from '../platform/executable.ts'
import { isForeign, type Trusting } from './npm-files.ts'

/** It tells its settings in half a second; this is for an npm that hangs. */
const NPM_MS = 60_000
/** Settings are some lines. */
const OUTPUT_BYTES = 1024 * 1024

export interface Npm {
  file: string
  /** Before npm's own arguments. */
  args: string[]
}

/** npm as it belongs to the Node that runs this, else the first on the path that is no other user's. */
export function findNpm(env: NodeJS.ProcessEnv): Npm | undefined {
  const own = join(dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js')
  if (!EXECUTABLE && existsSync(own)) return { file: process.execPath, args: [own] }
  for (const dir of (env.PATH ?? '').split(delimiter)) {
    const file = join(dir || '.', 'npm')
    if (isExecutable(file) && !isForeign(file, env)) return { file, args: [] }
  }
  return undefined
}

interface NpmRun {
  ok: boolean
  stdout: string
}

/** Its program's file, of which npm's own folder is the second above. */
export const programOf = ({ file, args: [script = file] }: Npm): string => realpathSync(script)

/** Where versions come from. */
export interface Source extends Trusting {
  package: string
  /** The machine's choice, before that of `.npmrc`. */
  registry?: string | undefined
  /** A folder that is deleted afterwards, without an `.npmrc`: that of the user counts, not one where the daemon is. */
  cwd: string
  signal: AbortSignal
  /** Told each address before it is asked. @throws UpdateFailure to refuse it */
  check?: ((address: string) => void) | undefined
}

/** Asks npm for its settings, with what it needs of the environment and no secret of ours. Arguments reach no shell. */
export async function runNpm(npm: Npm, args: string[], source: Source): Promise<NpmRun> {
  const { cwd, env, signal, registry } = source
  const [, scope] = /^(@[^/]+)\//.exec(source.package) ?? []
  const flags = [
    '--ignore-scripts',
    '--no-update-notifier',
    // The user's own cache may belong to root after a `sudo npm`, or be full.
    `--cache=${join(cwd, 'npm-cache')}`,
    '--logs-max=0',
  ]
  const settings = new Map(Object.entries(env).filter(([name]) => /^npm_config_/i.test(name)))
  // Not among the arguments, which all users can see: a password may be in it.
  for (const key of registry === undefined ? [] : ['registry', ...(scope ? [`${scope}:registry`] : [])]) {
    const name = `npm_config_${key}`
    for (const other of [...settings.keys()])
      if (other.toLowerCase() === name.toLowerCase()) settings.delete(other)
    settings.set(name, registry)
  }
  // Else npm takes the next folder above with one for its project, and believes what the .npmrc there says: in /tmp,
  // that is whatever any user has put there.
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
    // A terminal's Ctrl-C, or a service that is stopped by its group, is for the daemon to act upon.
    detached: true,
  })
  return { ok: !run.failed, stdout: run.stdout }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
