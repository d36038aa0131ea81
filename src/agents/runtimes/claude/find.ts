import { homedir } from 'node:os'
import { join } from 'node:path'
import { isProgram, programsOnPath } from '../../../platform/on-path.ts'
import { realPath } from '../../../platform/real-path.ts'

/**
 * Returns the paths at which installers put Claude Code. A daemon that runs as a service needs these paths,
 * because its PATH is short.
 */
const usualPlaces = (home: string) => [
  join(home, '.local/bin/claude'),
  join(home, '.claude/local/claude'),
  join(home, '.npm-global/bin/claude'),
  '/usr/local/bin/claude',
  '/opt/homebrew/bin/claude',
  '/usr/bin/claude',
]

/** Maximum number of programs to try, since each program may be slow to answer. */
const MOST = 8

/**
 * Returns the candidate programs, beginning with the preferred program. If `FOMULAR_CLAUDE_PATH` is set, it
 * is the only candidate. Otherwise, the candidates are all programs `claude` on PATH and in the usual places,
 * without duplicates.
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
 * Recognizes a program that Claude Code's own installer installed. This installer puts each version into a
 * separate file and deletes older versions.
 */
export const isPruned = (path: string) => /\/claude\/versions\/\d+\.\d+\.\d+[^/]*$/.test(path)
