import { rmSync } from 'node:fs'
import { join } from 'node:path'

/** Deletes the compiled form of the program, which versions up to 0.1.0 kept in the state folder. */
export function clearCompiled(dir: string) {
  for (const command of ['run', 'up', 'hub'])
    try {
      rmSync(join(dir, `compiled-${command}.bin`), { force: true })
    } catch {
      // A file that remains does no harm.
    }
}
