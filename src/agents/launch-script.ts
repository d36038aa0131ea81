import { readFileSync } from 'node:fs'

declare const FOMULAR_LAUNCH_SCRIPT: string | undefined

/** The launcher, `launch.sh`: inlined into the bundle, read from its file when the source runs as it is. */
export const launchScript =
  typeof FOMULAR_LAUNCH_SCRIPT === 'string'
    ? FOMULAR_LAUNCH_SCRIPT
    : readFileSync(new URL('launch.sh', import.meta.url), 'utf8')
