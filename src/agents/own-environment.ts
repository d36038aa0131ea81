import { shellWord } from '../platform/shell-word.ts'

/**
 * What the launcher reads right before it becomes the agent: variables as shell commands. The launcher itself works with
 * the daemon's environment, whatever PATH or LD_PRELOAD the agent was given, and no value is in its arguments.
 * @throws Error for a value that no environment can hold
 */
export function ownEnvironment(env: Record<string, string | undefined>): string {
  const lines = Object.entries(env).map(([name, value]) => {
    if (value?.includes('\0')) throw new Error(`The value of ${name} has a null byte in it.`)
    // Names that a shell keeps for itself, such as UID, are left as they are: `command` makes that no end of the shell.
    return value === undefined ? `command unset ${name}` : `command export ${name}=${shellWord(value)}`
  })
  return lines.map((line) => `${line} 2>/dev/null\n`).join('')
}
