import type { Command } from '../../protocol/index.ts'

/** Feature of daemons that make a working tree for an agent. */
const WORKTREE = 'agent:worktree'

/**
 * Returns the first feature that a command needs and a daemon lacks; undefined if the daemon can carry out the
 * command. An older daemon would ignore the field for a working tree, and start the agent elsewhere.
 */
export function lacking(capabilities: readonly string[], command: Command): string | undefined {
  const needed: string[] = [command.type]
  if (command.type === 'agent:start' && command.spec.worktree) needed.push(WORKTREE)
  return needed.find((feature) => !capabilities.includes(feature))
}

/** Returns the error for a command that a machine's daemon does not support. */
export const unsupported = (feature: string) => ({
  code: 'unsupported',
  message: `The daemon of this machine does not support ${feature}.`,
  remedy: 'Update the daemon.',
})
