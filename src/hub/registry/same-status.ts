import type { AgentStatus } from '../../protocol/index.ts'

/**
 * Reports whether two statuses are equal. A machine that reconnects repeats the statuses of all its agents, and
 * most of them have not changed.
 */
export const isSameStatus = (known: AgentStatus | undefined, status: AgentStatus): boolean =>
  known?.revision === status.revision && JSON.stringify(known) === JSON.stringify(status)
