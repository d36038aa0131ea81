import { existsSync, lstatSync, mkdtempSync, rmdirSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import valid from 'semver/functions/valid.js'
import { isTrialName } from './trial.ts'

/**
 * Kind of installation that the running program belongs to:
 *
 * - `package`: the package's folder in npm's prefix, from `npm install -g`.
 * - `prefix`: packages in `versions/<version>/` next to a link `current`, as in `~/.fomular`.
 * - `executable`: a single file that includes Node, in any folder.
 * - `apt`: the Debian package, whose files belong to dpkg.
 * - `npx`: npm's cache for `npx`.
 * - `project`: a dependency of a project, or the store of another package manager.
 * - `source`: a checkout of the sources.
 * - `unknown`: any other kind.
 */
export type Layout =
  | { kind: 'package' | 'prefix' | 'executable'; root: string; program: string }
  | { kind: 'apt' | 'npx' | 'project' | 'source' | 'unknown'; root: string }

/** File that the Debian package puts next to the program. */
const APT = 'installed-by'

/** @param program the real path of the program that runs */
export function layoutOf(program: string, executable: boolean): Layout {
  const versions = versionsAbove(program)
  if (versions) return versions
  if (executable && existsSync(join(dirname(program), APT))) return { kind: 'apt', root: dirname(program) }
  if (executable) return { kind: 'executable', root: dirname(program), program: basename(program) }
  const packageDir = packageAbove(program)
  if (packageDir === undefined) return { kind: 'unknown', root: dirname(program) }
  if (program.split(sep).includes('_npx')) return { kind: 'npx', root: packageDir }
  const modules = modulesAbove(packageDir)
  if (modules === undefined) {
    const source = existsSync(join(packageDir, 'src/main.ts'))
    return { kind: source ? 'source' : 'unknown', root: packageDir }
  }
  // Global packages are in lib/ of npm's prefix. The packages of a project are next to its package.json.
  if (basename(dirname(modules)) !== 'lib' || existsSync(join(dirname(modules), 'package.json')))
    return { kind: 'project', root: packageDir }
  return { kind: 'package', root: packageDir, program: relative(packageDir, program) }
}

/**
 * Reports whether this user can write to a folder. Tries to write, because a read-only file system refuses
 * even root.
 */
export function isWritable(dir: string): boolean {
  try {
    rmdirSync(mkdtempSync(join(dir, '.fomular-')))
    return true
  } catch {
    return false
  }
}

function versionsAbove(program: string): Layout | undefined {
  for (let dir = dirname(program); dir !== dirname(dir); dir = dirname(dir)) {
    const root = dirname(dirname(dir))
    // Check the name of the version: nvm also uses the names `versions` and `current`, but for other
    // contents.
    const version = valid(basename(dir)) !== null || isTrialName(basename(dir))
    if (version && basename(dirname(dir)) === 'versions' && isLink(join(root, 'current')))
      return { kind: 'prefix', root, program: relative(dir, program) }
  }
  return undefined
}

function packageAbove(program: string): string | undefined {
  for (let dir = dirname(program); dir !== dirname(dir); dir = dirname(dir))
    // Skip dist/: its package.json only tells Node the module type of the program.
    if (existsSync(join(dir, 'package.json')) && basename(dir) !== 'dist') return dir
  return undefined
}

function modulesAbove(packageDir: string): string | undefined {
  const parent = dirname(packageDir)
  const modules = basename(parent).startsWith('@') ? dirname(parent) : parent
  return basename(modules) === 'node_modules' ? modules : undefined
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink()
  } catch {
    return false
  }
}
