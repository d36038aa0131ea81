import { homedir } from 'node:os'
import { join } from 'node:path'
import { isProgram, programsOnPath } from '../../../platform/on-path.ts'
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
  const usual = usualPlaces(env.HOME ?? homedir()).filter(isProgram)
  const found = new Map<string, string>()
  for (const path of [...programsOnPath('claude', env), ...usual]) {
    const real = realPath(path)
    if (!found.has(real)) found.set(real, path)
  }
  return [...found.values()].slice(0, MOST)
}

/**
 * Recognizes a program of Claude Code's installer, which puts each version in a separate file and deletes older ones.
 */
export const isPruned = (path: string) => /\/claude\/versions\/\d+\.\d+\.\d+[^/]*$/.test(path)
