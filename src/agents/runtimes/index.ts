import { claude } from './claude/index.ts'
import type { RuntimeAdapter } from './runtime.ts'

/** All runtimes, by name. A new runtime is a folder here, and a line in this list. */
export const runtimes: Record<string, RuntimeAdapter> = { claude }

/** Variables of all runtimes. */
export const runtimeVariables = Object.values(runtimes).map(({ variables }) => variables)
