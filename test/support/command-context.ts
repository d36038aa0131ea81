import { type CommandContext, carryOut } from '../../src/daemon/command-handlers.ts'
import type { Command } from '../../src/protocol/index.ts'

const absent = (part: string) => (): never => {
  throw new Error(`This context has no ${part}.`)
}

/** The context of a daemon without a policy, a machine, updates, and repository trust. */
const others: Omit<CommandContext, 'agents'> = {
  trust: { answer: absent('repository trust') },
  checkAccepts: () => undefined,
  checkPolicy: async () => undefined,
  redacted: (part) => part,
  checkMachine: absent('machine'),
  restart: absent('supervisor'),
  updates: undefined as never,
}

/** Carries out a command as a daemon with these agents would do. */
export const carryOutWith = (agents: CommandContext['agents'], command: Command) =>
  carryOut({ ...others, agents }, command)
