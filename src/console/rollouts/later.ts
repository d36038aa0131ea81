import { later } from '../parts/later.tsx'
import './rollouts.css'

// Pages whose code is loaded when a person opens them.

export const RolloutsPage = later(async () => (await import('./rollouts-page.tsx')).RolloutsPage)
export const RolloutPage = later(async () => (await import('./rollout-page.tsx')).RolloutPage)
