import { readFileSync } from 'node:fs'

declare const FOMULAR_KEEP_SCRIPT: string | undefined

/** Script `keep.sh` without comments. The bundle inlines it; a run from source reads the file. */
export const keepScript = (
  typeof FOMULAR_KEEP_SCRIPT === 'string'
    ? FOMULAR_KEEP_SCRIPT
    : readFileSync(new URL('keep.sh', import.meta.url), 'utf8')
).replace(/^\s*#.*\n/gm, '')
