import { accessSync, constants, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/** Where Claude Code's installers put it, for daemons whose PATH is a service's. */
const usualPlaces = (home: string) => [
  join(home, '.local/bin/claude'),
  join(home, '.claude/local/claude'),
  join(home, '.npm-global/bin/claude'),
  '/usr/local/bin/claude',
  '/opt/homebrew/bin/claude',
  '/usr/bin/claude',
]

/** The program to use: `FOMULAR_CLAUDE_PATH` as it is, else the first `claude` on PATH or in its usual places. */
export function findClaude(env: NodeJS.ProcessEnv): string | undefined {
  if (env.FOMULAR_CLAUDE_PATH) return env.FOMULAR_CLAUDE_PATH
  const onPath = (env.PATH ?? '').split(delimiter).filter((dir) => dir.startsWith('/'))
  return [...onPath.map((dir) => join(dir, 'claude')), ...usualPlaces(env.HOME ?? homedir())].find(isProgram)
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
