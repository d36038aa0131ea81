import { claude } from './claude/index.ts'
import type { RuntimeAdapter } from './runtime.ts'

/** All runtimes, by name. To add a runtime, add a folder here and a line to this list. */
export const runtimes: Record<string, RuntimeAdapter> = { claude }

/** Environment variables of all runtimes. */
export const runtimeVariables = Object.values(runtimes).map(({ variables }) => variables)
