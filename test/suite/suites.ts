export interface Suite {
  /** Folders of test/. */
  folders: readonly string[]
  /** Scripts of package.json that must pass first. */
  before?: readonly string[]
  /** True to run one file after the other, and print a table of durations. */
  serial?: boolean
  /** The version of Claude Code. The suite runs only the test files that start the real Claude Code. */
  claude?: 'oldest' | 'newest'
  /** Timeout of one test. */
  timeoutMinutes: number
}

/** `npm run test:NAME`; `all` is `npm test`. */
export const SUITES = {
  all: { folders: ['unit', 'security', 'e2e'], before: ['build', 'check'], timeoutMinutes: 5 },
  unit: { folders: ['unit'], before: ['build'], timeoutMinutes: 5 },
  e2e: { folders: ['e2e', 'security'], before: ['build'], timeoutMinutes: 5 },
  install: { folders: ['install'], before: ['build'], serial: true, timeoutMinutes: 30 },
  service: { folders: ['service'], before: ['build'], serial: true, timeoutMinutes: 10 },
  emulated: { folders: ['emulated'], before: ['build'], serial: true, timeoutMinutes: 45 },
  'update-nodes': { folders: ['update-nodes'], before: ['build'], timeoutMinutes: 5 },
  'oldest-claude': { folders: ['e2e'], before: ['build'], claude: 'oldest', timeoutMinutes: 5 },
  'newest-claude': { folders: ['e2e'], before: ['build'], claude: 'newest', timeoutMinutes: 5 },
  'first-hour': { folders: ['first-hour'], before: ['build'], serial: true, timeoutMinutes: 60 },
} as const satisfies Record<string, Suite>

export type SuiteName = keyof typeof SUITES
