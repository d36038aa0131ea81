import type { CommandType } from './commands.ts'

/**
 * Commands that only read. Their results are neither recorded nor repeated: a repeated command reads again.
 */
export const READING: readonly CommandType[] = ['workspace:diff', 'workspace:file']
