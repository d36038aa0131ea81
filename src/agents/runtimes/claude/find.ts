import { accessSync, constants, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { realPath } from '../../../platform/real-path.ts'

/** Returns the paths where Claude Code's installers put it, for daemons with the short PATH of a service. */
const usualPlaces = (home: string) => [
  join(home, '.local/bin/claude'),
  join(home, '.claude/local/claude'),
  join(home, '.npm-global/bin/claude'),
  '/usr/local/bin/claude',
  '/opt/homebrew/bin/claude',
  '/usr/bin/claude',
]

/** Maximum number of programs to try, since each may be slow to answer. */
const MOST = 8

/**
 * Returns candidate programs, the preferred one first: only `FOMULAR_CLAUDE_PATH` if it is set, else every `claude` on
 * PATH and in the usual places, without duplicates.
 */
export function findClaude(env: NodeJS.ProcessEnv): string[] {
  if (env.FOMULAR_CLAUDE_PATH) return [env.FOMULAR_CLAUDE_PATH]
  const onPath = (env.PATH ?? '').split(delimiter).filter((dir) => dir.startsWith('/'))
  const places = [...onPath.map((dir) => join(dir, 'claude')), ...usualPlaces(env.HOME ?? homedir())]
  const found = new Map<string, string>()
  for (const path of places.filter(isProgram)) {
    const real = realPath(path)
    if (!found.has(real)) found.set(real, path)
  }
  return [...found.values()].slice(0, MOST)
}

/**
 * Recognizes a program of Claude Code's installer, which puts each version in a separate file and deletes older ones.
 */
export const isPruned = (path: string) => /\/claude\/versions\/\d+\.\d+\.\d+[^/]*$/.test(path)

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
