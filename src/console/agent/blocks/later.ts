import { later } from '../../parts/later.tsx'
import { whenIdle } from '../../parts/when-idle.ts'

// Content of folded blocks, whose code is loaded after the blocks are drawn.

const content = () => import('./tool-content.tsx')

export const ToolContent = later(async () => (await content()).ToolContent)
export const Result = later(async () => (await content()).Result)
export const Output = later(async () => (await import('./output.tsx')).Output)

/** Loads the code when the browser has nothing else to do, so that blocks unfold at once. */
export const preloadContent = () =>
  whenIdle(() => [ToolContent, Result, Output].map(({ preload }) => preload()))
