import { accessSync, constants, existsSync, lstatSync, mkdtempSync, rmdirSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'

/**
 * How the program that runs was installed:
 *
 * global      `npm install -g`: the package's folder in a prefix
 * prefix      versioned folders beside a `current` link, as `~/.fomular`; `versions/<version>/` holds a package
 * npx         npm's cache for `npx`
 * project     a dependency of some project, or another package manager's store
 * source      a checkout of the sources
 * unknown     none of these
 */
export type Layout =
  | { kind: 'global'; root: string; program: string }
  | { kind: 'prefix'; root: string; program: string }
  | { kind: 'npx' | 'project' | 'source' | 'unknown'; root: string }

/** @param program the real path of the program that runs */
export function layoutOf(program: string): Layout {
  const versions = versionsAbove(program)
  if (versions) return versions
  const packageDir = packageAbove(program)
  const parts = program.split(sep)
  if (packageDir && parts.includes('_npx')) return { kind: 'npx', root: packageDir }
  const modules = packageDir && modulesAbove(packageDir)
  if (!packageDir || !modules)
    return packageDir && existsSync(join(packageDir, 'src/main.ts'))
      ? { kind: 'source', root: packageDir }
      : { kind: 'unknown', root: packageDir ?? dirname(program) }
  // npm's prefix for global packages has them in lib/; a project's are beside its package.json.
  if (basename(dirname(modules)) !== 'lib' || existsSync(join(dirname(modules), 'package.json')))
    return { kind: 'project', root: packageDir }
  return { kind: 'global', root: packageDir, program: relative(packageDir, program) }
}

/** Whether this user may change what is in a folder. */
export function isWritable(dir: string): boolean {
  try {
    accessSync(dir, constants.W_OK)
    // What access(2) grants to root, a read-only file system may still refuse.
    rmdirSync(mkdtempSync(join(dir, '.fomular-')))
    return true
  } catch {
    return false
  }
}

function versionsAbove(program: string): Layout | undefined {
  for (let dir = dirname(program); dir !== dirname(dir); dir = dirname(dir)) {
    const root = dirname(dirname(dir))
    if (basename(dirname(dir)) === 'versions' && isLink(join(root, 'current')))
      return { kind: 'prefix', root, program: relative(dir, program) }
  }
  return undefined
}

function packageAbove(program: string): string | undefined {
  for (let dir = dirname(program); dir !== dirname(dir); dir = dirname(dir))
    // dist/ has one, too: of two lines, for Node.
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
