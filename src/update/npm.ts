import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

/** A registry that does not answer is npm's to give up on; this is for an npm that hangs. */
const NPM_MS = 10 * 60_000
/** Facts about a package with thousands of versions. */
const OUTPUT_BYTES = 64 * 1024 * 1024

export interface Npm {
  file: string
  /** Before npm's own arguments. */
  args: string[]
}

/** npm as it belongs to the Node that runs this, else the first on the path. */
export function findNpm(env: NodeJS.ProcessEnv, execPath = process.execPath): Npm | undefined {
  const own = join(dirname(execPath), '../lib/node_modules/npm/bin/npm-cli.js')
  if (existsSync(own)) return { file: execPath, args: [own] }
  for (const dir of (env.PATH ?? '').split(delimiter)) {
    const file = join(dir || '.', 'npm')
    if (isExecutable(file)) return { file, args: [] }
  }
  return undefined
}

export interface NpmRun {
  code: number | undefined
  stdout: string
  stderr: string
}

export interface NpmOptions {
  /** Whose `.npmrc` beside the user's counts: not that of a folder the daemon happens to be in. */
  cwd: string
  env: NodeJS.ProcessEnv
  signal: AbortSignal
  package: string
  /** The machine's choice, before that of `.npmrc`. */
  registry?: string | undefined
}

/** Runs npm. Arguments reach no shell. */
export function runNpm(npm: Npm, args: string[], options: NpmOptions): Promise<NpmRun> {
  const { cwd, env, signal, registry } = options
  const [, scope] = /^(@[^/]+)\//.exec(options.package) ?? []
  const flags = [
    // A release is out when the registry says so, not when a cache has expired.
    '--prefer-online',
    '--ignore-scripts',
    '--no-update-notifier',
    ...(registry === undefined ? [] : [`--registry=${registry}`]),
    ...(registry === undefined || scope === undefined ? [] : [`--${scope}:registry=${registry}`]),
  ]
  return new Promise((resolve) => {
    const run = { cwd, env, signal, timeout: NPM_MS, maxBuffer: OUTPUT_BYTES, killSignal: 'SIGKILL' } as const
    execFile(npm.file, [...npm.args, ...args, ...flags], run, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : undefined
      resolve({ code, stdout, stderr: stderr || (code === undefined ? String(error?.message) : '') })
    })
  })
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
