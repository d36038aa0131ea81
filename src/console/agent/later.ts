import { later } from '../parts/later.tsx'

/** An agent's page. Its code is loaded when a person opens the first agent. */
export const AgentPage = later(async () => (await import('./agent-page.tsx')).AgentPage)
