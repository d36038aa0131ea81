import { ownHome } from '../platform/complete-environment.ts'

/** Returns the user's home folder. */
export const homeOf = (env: NodeJS.ProcessEnv) => env.HOME || ownHome()
