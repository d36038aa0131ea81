import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** PATH, with the folders that are usually only on root's PATH. */
export const PATH = [
  process.env.PATH ?? '',
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
  '/usr/bin',
  '/bin',
].join(':')

/** Returns a test file and the files of test/ that it imports, directly or indirectly. */
export function withImports(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file) || !existsSync(file)) return seen
  seen.add(file)
  for (const [, specifier = ''] of readFileSync(file, 'utf8').matchAll(
    /^(?:import|export|\}) .*'(\..+\.ts)'/gm,
  )) {
    const imported = resolve(dirname(file), specifier)
    if (imported.includes('/test/')) withImports(imported, seen)
  }
  return seen
}

/**
 * Returns the needs of a test file besides Node: `root`, a program, or a file of a package. The test file,
 * and the files of test/ that it imports, declare these needs in comments:
 *
 *     // Needs: root, tmux
 */
export function needsOf(file: string): Set<string> {
  const needs = new Set<string>()
  for (const path of withImports(file))
    for (const [, list = ''] of readFileSync(path, 'utf8').matchAll(/^\/\/ Needs: (.+)$/gm))
      for (const need of list.split(',')) needs.add(need.trim())
  return needs
}

/** Reports whether a program is on PATH, or a file exists at an absolute path, which may be a pattern. */
export const installed = (program: string) =>
  program.startsWith('/')
    ? globSync(program).length > 0
    : PATH.split(':').some((dir) => existsSync(`${dir}/${program}`))
