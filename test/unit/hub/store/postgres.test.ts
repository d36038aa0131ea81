import { join } from 'node:path'
import { after } from 'node:test'
import { HUB_LIMITS } from '../../../../src/config/hub-limits.ts'
import { hubStore } from '../../../../src/config/hub-store.ts'
import { openStore } from '../../../../src/hub/open-store.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import { createLogger } from '../../../../src/platform/log.ts'
import { TestPostgres } from '../../../support/postgres.ts'
import { keepsTheContract } from '../../../support/store-contract/index.ts'
import { tempDir } from '../../../support/temp.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })
const server = await TestPostgres.start({ after })

keepsTheContract('the store in PostgreSQL', (t) => {
  const dir = join(tempDir(t), 'hub')
  let name: string | undefined
  return {
    async open(audit = HUB_LIMITS.audit) {
      name ??= await server.create()
      const address = hubStore({ store: server.url(name) }, {})
      return openStore({
        dir,
        address,
        faults: [],
        strict: true,
        audit,
        clock: systemClock,
        logger,
      })
    },
    async kill(store) {
      // Without a database, closing the store writes nothing more.
      await server.query('postgres', `alter database ${name} allow_connections false`)
      await server.query(
        'postgres',
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`,
      )
      await store.close()
      await server.query('postgres', `alter database ${name} allow_connections true`)
    },
  }
})
