import { homedir } from 'node:os'

/** The user's own folder. */
export const homeOf = (env: NodeJS.ProcessEnv) => env.HOME || homedir()
