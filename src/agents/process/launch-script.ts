import { readFileSync } from 'node:fs'

declare const FOMULAR_LAUNCH_SCRIPT: string | undefined

/** The launcher, `launch.sh`: inlined in the bundle, or read from its file when running from source. */
export const launchScript =
  typeof FOMULAR_LAUNCH_SCRIPT === 'string'
    ? FOMULAR_LAUNCH_SCRIPT
    : readFileSync(new URL('launch.sh', import.meta.url), 'utf8')
