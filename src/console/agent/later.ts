import { later } from '../parts/later.tsx'

/** An agent's page. Its code is loaded when a person opens the first agent. */
export const AgentPage = later(async () => {
  // The page's first request needs both modules.
  const [{ AgentPage }] = await Promise.all([
    import('./agent-page.tsx'),
    import('../../protocol/event-page.ts'),
  ])
  return AgentPage
})
