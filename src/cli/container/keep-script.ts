import { readFileSync } from 'node:fs'

declare const FOMULAR_KEEP_SCRIPT: string | undefined

/** The keeper, `keep.sh`, without its comments: inlined into the bundle, read from its file when the source runs as it is. */
export const keepScript = (
  typeof FOMULAR_KEEP_SCRIPT === 'string'
    ? FOMULAR_KEEP_SCRIPT
    : readFileSync(new URL('keep.sh', import.meta.url), 'utf8')
).replace(/^\s*#.*\n/gm, '')
