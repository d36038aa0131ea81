import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** Where programs are that only root has on PATH. */
export const PATH = [
  process.env.PATH ?? '',
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
  '/usr/bin',
  '/bin',
].join(':')

/**
 * What a file of tests needs beyond Node: `root`, a program, or a file that comes with a
 * package. It, and what it imports of test/, say so in lines such as
 *
 *     // Needs: root, tmux
 */
export function needsOf(file: string, seen = new Set<string>()): Set<string> {
  const needs = new Set<string>()
  if (seen.has(file) || !existsSync(file)) return needs
  seen.add(file)
  const text = readFileSync(file, 'utf8')
  for (const [, list = ''] of text.matchAll(/^\/\/ Needs: (.+)$/gm))
    for (const need of list.split(',')) needs.add(need.trim())
  for (const [, specifier = ''] of text.matchAll(/^(?:import|export|\}) .*'(\..+\.ts)'/gm)) {
    const imported = resolve(dirname(file), specifier)
    if (imported.includes('/test/')) for (const need of needsOf(imported, seen)) needs.add(need)
  }
  return needs
}

/** Whether a program is on PATH, or a file at its absolute path, which may be a pattern. */
export const installed = (program: string) =>
  program.startsWith('/')
    ? globSync(program).length > 0
    : PATH.split(':').some((dir) => existsSync(`${dir}/${program}`))
