import { shellWord } from '../platform/shell-word.ts'

/**
 * Returns the agent's own variables as shell commands, which the launcher runs just before it becomes the agent. Until
 * then the launcher keeps the daemon's environment, whatever PATH or LD_PRELOAD the agent is given. No value appears in
 * an argument list.
 * @param umask as octal digits, for the agent's program alone
 * @throws Error for a value that contains a null byte
 */
export function ownEnvironment(env: Record<string, string | undefined>, umask?: string): string {
  const lines = Object.entries(env).map(([name, value]) => {
    if (value?.includes('\0')) throw new Error(`The value of ${name} has a null byte in it.`)
    // A shell refuses to change some names, such as UID; with `command` that does not end the shell.
    return value === undefined ? `command unset ${name}` : `command export ${name}=${shellWord(value)}`
  })
  const mask = umask === undefined ? '' : `umask ${umask}\n`
  return mask + lines.map((line) => `${line} 2>/dev/null\n`).join('')
}
