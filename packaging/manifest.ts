import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './program.ts'

/** Name of the program's npm package. */
const PROGRAM = '@fomular-os/daemon'

export interface ReleaseFile {
  name: string
  /** Size in bytes. */
  size: number
  sha256: string
  os?: string
  arch?: string
  /** Version of Node in the executable. */
  node?: string
  /** Tool that stripped the symbols of the Node binary. */
  stripped?: string
}

export interface Manifest {
  /** Name of the npm package; default: `@fomular-os/daemon`. */
  name?: string
  version: string
  /** Commit of the sources, with `-modified` if they have uncommitted changes. */
  commit: string
  /** Time of that commit (ISO 8601). An update uses this time to recognize an older release. */
  date: string
  files: ReleaseFile[]
}

/**
 * Returns the text of `manifest.json`. Each file is on its own line, with name, size, and hash first:
 * installer/install.sh parses it with sed, because a minimal system has no JSON parser.
 */
export function manifestText({ name = PROGRAM, version, commit, date, files }: Manifest): string {
  const head = JSON.stringify({ schema: 1, name, version, commit, date })
  const lines = files.map(({ name, size, sha256, ...rest }) =>
    JSON.stringify({ name, size, sha256, ...rest }),
  )
  return `${head.slice(0, -1)},"files":[\n${lines.join(',\n')}\n]}\n`
}

/** Returns size and hash of a file in a folder. */
export function factsOf(dir: string, name: string): ReleaseFile {
  const data = readFileSync(join(dir, name))
  return { name, size: data.length, sha256: createHash('sha256').update(data).digest('hex') }
}

/**
 * Returns the commit of the sources, with `-modified` if they have uncommitted changes; `unknown` without
 * git.
 */
export function commit(): string {
  try {
    const head = git('rev-parse', 'HEAD')
    return git('status', '--porcelain', '--untracked-files=no') ? `${head}-modified` : head
  } catch {
    return 'unknown'
  }
}

/** Runs git and returns its output. @throws without git, or outside a repository */
export const git = (...args: string[]) =>
  execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()

/** Returns the time of the commit, in seconds since 1970; the current time without git. */
export function sourceDate(): number {
  try {
    return Number(git('log', '-1', '--format=%ct'))
  } catch {
    return Math.round(Date.now() / 1000)
  }
}

/** Returns the time of the commit in the manifest's form (ISO 8601). */
export const sourceDateText = () => new Date(sourceDate() * 1000).toISOString()
