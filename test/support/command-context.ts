import { type CommandContext, carryOut } from '../../src/daemon/command-handlers.ts'
import type { Command } from '../../src/protocol/index.ts'

const absent = (part: string) => (): never => {
  throw new Error(`This context has no ${part}.`)
}

/**
 * Returns the context of a daemon with these agents. The daemon has no policy, machine, updates, or repository
 * trust.
 */
export const commandContext = (
  agents: CommandContext['agents'],
  parts: Partial<CommandContext> = {},
): CommandContext => ({
  agents,
  trust: { answer: absent('repository trust') },
  workspaces: { diff: absent('folders'), file: absent('folders'), noteStart: async () => {} },
  worktrees: { start: absent('worktrees'), merge: absent('worktrees'), discard: absent('worktrees') },
  checkAccepts: () => undefined,
  checkPolicy: async () => undefined,
  redacted: (part) => part,
  checkMachine: absent('machine'),
  restart: absent('supervisor'),
  updates: undefined as never,
  ...parts,
})

/** Carries out a command as a daemon with these agents would do. */
export const carryOutWith = (agents: CommandContext['agents'], command: Command) =>
  carryOut(commandContext(agents), command)
