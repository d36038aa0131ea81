import { shellWord } from '../../platform/shell-word.ts'

/**
 * Returns the agent's own variables as shell commands, which the launcher runs just before it executes the
 * agent. Until then the launcher keeps the daemon's environment, so that the agent's PATH or LD_PRELOAD
 * cannot affect it. The values do not appear in an argument list, which other users can read.
 * @param umask octal digits; only for the agent's program
 * @throws Error for a value that contains a null byte
 */
export function ownEnvironment(env: Record<string, string | undefined>, umask?: string): string {
  const lines = Object.entries(env).map(([name, value]) => {
    if (value?.includes('\0')) throw new Error(`The value of ${name} contains a null byte.`)
    // A shell refuses to change some variables, such as UID. With `command`, the refusal does not end the
    // shell.
    return value === undefined ? `command unset ${name}` : `command export ${name}=${shellWord(value)}`
  })
  const mask = umask === undefined ? '' : `umask ${umask}\n`
  return mask + lines.map((line) => `${line} 2>/dev/null\n`).join('')
}
