import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { HUB_LIMITS } from '../../../../src/config/hub-limits.ts'
import { openFileStore } from '../../../../src/hub/store/files/file-store.ts'
import type { Store } from '../../../../src/hub/store/store.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import { createLogger } from '../../../../src/platform/log.ts'
import { keepsTheContract } from '../../../support/store-contract/index.ts'
import { tempDir } from '../../../support/temp.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })

keepsTheContract('the store in files', (t) => {
  const root = tempDir(t)
  let [dir, copies] = [join(root, 'hub'), 0]
  return {
    open: (audit = HUB_LIMITS.audit) =>
      openFileStore({ dir, faults: [], strict: true, audit, clock: systemClock, logger }),
    async kill(store: Store) {
      // Copies the present files first, because the store writes more data when it is closed.
      const copy = join(root, `hub-${++copies}`)
      cpSync(dir, copy, { recursive: true, filter: (path) => !path.endsWith('/lock') })
      dir = copy
      await store.close()
    },
  }
})
