import type { Command } from 'commander'

/** Hidden commands: other versions run them during an update, and shells and packages use them. */
export const HIDDEN: Record<string, () => Promise<Command>> = {
  'self-check': async () => (await import('./update/self-check.ts')).selfCheckCommand(),
  complete: async () => (await import('./completion/complete.ts')).completeCommand(),
  'man-page': async () => (await import('./man-page.ts')).manPageCommand(),
  'update-guard': async () => (await import('./update/guard.ts')).guardCommand(),
}
