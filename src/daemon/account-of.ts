import type { Agent } from '../agents/agent.ts'

/**
 * Returns a key for the account that an agent's runtime uses. Agents have the same account unless their
 * variables select another login, folder, or service. The key may contain secrets.
 */
export function accountOf({ runtime, record }: Pick<Agent, 'runtime' | 'record'>): string {
  const { folder, others, logins } = runtime.variables
  const own = Object.entries(record.spec.env ?? {})
    .filter(([name]) => name === 'HOME' || name === folder || others.includes(name) || logins.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([runtime.name, own])
}
