/** The files with lists of records: the name of each file, the field with its list, and its content for the log. */
export const LIST_FILES = {
  machines: { file: 'machines.json', field: 'machines', content: 'machines' },
  keys: { file: 'keys.json', field: 'keys', content: 'keys' },
  'user keys': { file: 'user-keys.json', field: 'keys', content: 'user keys' },
  enrollments: { file: 'enrolments.json', field: 'enrolments', content: 'enrollments' },
  sessions: { file: 'sessions.json', field: 'sessions', content: 'sessions' },
  push: { file: 'push.json', field: 'people', content: 'subscriptions' },
  rollouts: { file: 'rollouts.json', field: 'rollouts', content: 'rollouts' },
  'blocked versions': { file: 'blocked.json', field: 'versions', content: 'blocked versions' },
} as const
export type ListFileName = keyof typeof LIST_FILES

/** Other files and folders of a store in the hub's folder. */
export const STORE_FILES = {
  agents: 'agents',
  commits: 'commits',
  commands: 'commands.jsonl',
  pushKey: 'push.key',
  audit: 'audit',
  migration: 'migration.json',
} as const
