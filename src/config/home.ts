import { ownHome } from '../platform/surroundings.ts'

/** The user's own folder. */
export const homeOf = (env: NodeJS.ProcessEnv) => env.HOME || ownHome()
