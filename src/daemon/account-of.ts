import type { Agent } from '../agents/agent.ts'

/**
 * Returns text that identifies the account that an agent's runtime uses. Agents share an account unless they
 * run as different users, or their variables select different logins, folders, or services. The text may
 * contain secrets.
 */
export function accountOf({ runtime, record, run }: Pick<Agent, 'runtime' | 'record' | 'run'>): string {
  const { folder, others, logins } = runtime.variables
  const own = Object.entries(record.spec.env ?? {})
    .filter(([name]) => name === 'HOME' || name === folder || others.includes(name) || logins.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([runtime.name, run.agent_user, own])
}
