import { later } from '../parts/later.tsx'

// Dialogs whose code is loaded when a person opens them.

export const AgentSettings = later(async () => (await import('./agent-settings.tsx')).AgentSettings)
export const DiscardBranch = later(async () => (await import('./discard-branch.tsx')).DiscardBranch)
export const RemoveAgent = later(async () => (await import('./remove-agent.tsx')).RemoveAgent)
export const ResumeAgent = later(async () => (await import('./resume-agent.tsx')).ResumeAgent)
