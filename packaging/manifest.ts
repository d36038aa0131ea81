import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './program.ts'

/** What the program is called in registries. */
const PROGRAM = '@fomular-os/daemon'

export interface ReleaseFile {
  name: string
  /** Bytes. */
  size: number
  sha256: string
  os?: string
  arch?: string
  /** Version of the Node inside. */
  node?: string
  /** What took the symbols out of that Node. */
  stripped?: string
}

export interface Manifest {
  /** Of the package; by default of the program, whose release this is. */
  name?: string
  version: string
  /** Of the sources; `-modified` when they were not as committed. */
  commit: string
  /** When the sources were committed (ISO 8601): by it, an update knows an older release. */
  date: string
  files: ReleaseFile[]
}

/**
 * `manifest.json`. One file to a line, its name, size and hash first: installer/install.sh reads it with sed, as a bare
 * machine has nothing that reads JSON.
 */
export function manifestText({ name = PROGRAM, version, commit, date, files }: Manifest): string {
  const head = JSON.stringify({ schema: 1, name, version, commit, date })
  const lines = files.map(({ name, size, sha256, ...rest }) =>
    JSON.stringify({ name, size, sha256, ...rest }),
  )
  return `${head.slice(0, -1)},"files":[\n${lines.join(',\n')}\n]}\n`
}

/** Size and hash of a file in a folder. */
export function factsOf(dir: string, name: string): ReleaseFile {
  const data = readFileSync(join(dir, name))
  return { name, size: data.length, sha256: createHash('sha256').update(data).digest('hex') }
}

/** Which sources these are; `unknown` where git does not say. */
export function commit(): string {
  try {
    const head = git('rev-parse', 'HEAD')
    return git('status', '--porcelain', '--untracked-files=no') ? `${head}-modified` : head
  } catch {
    return 'unknown'
  }
}

/** @throws where git, or a repository, is not there */
export const git = (...args: string[]) =>
  execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()

/** When these sources were committed, in seconds since 1970; now, where git does not say. */
export function sourceDate(): number {
  try {
    return Number(git('log', '-1', '--format=%ct'))
  } catch {
    return Math.round(Date.now() / 1000)
  }
}

/** The same as a manifest has it. */
export const sourceDateText = () => new Date(sourceDate() * 1000).toISOString()
