import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { HUB_LIMITS } from '../../../../src/config/hub-limits.ts'
import { hubStore } from '../../../../src/config/hub-store.ts'
import { openStore } from '../../../../src/hub/open-store.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import { createLogger } from '../../../../src/platform/log.ts'
import { certificates } from '../../../support/certificates.ts'
import { TestPostgres } from '../../../support/postgres.ts'
import { tempDir } from '../../../support/temp.ts'

const own = certificates(tempDir({ after }), ['localhost', '127.0.0.1'])
const strange = certificates(tempDir({ after }), ['db.example.com'])
const server = await TestPostgres.start({ after }, { tls: own })
const named = await TestPostgres.start({ after }, { tls: strange })
const plain = await TestPostgres.start({ after }, { tcp: true })

const logger = createLogger({ level: 'silent', stderr: 'none' })

/** Opens a store, and closes it. */
async function use(dir: string, host: string, query: string, port = server.port): Promise<void> {
  const address = hubStore({ store: `postgres://hub@${host}:${port}/postgres?${query}` }, { HOME: dir })
  const store = await openStore({
    dir: join(dir, 'hub'),
    address,
    faults: [],
    strict: true,
    audit: HUB_LIMITS.audit,
    clock: systemClock,
    logger,
  })
  await store.close()
}

test('a database whose certificate comes from the given authority and names the host is used', async (t) => {
  const dir = tempDir(t)
  await use(dir, 'localhost', `sslmode=verify-full&sslrootcert=${own.authority}`)
  await use(dir, '127.0.0.1', `sslmode=verify-full&sslrootcert=${own.authority}`)
  const [row] = await server.query('postgres', "select count(*)::int as n from lease where name = 'hub'")
  assert.deepEqual(row, { n: 1 })
})

test('a certificate of another authority is refused', async (t) => {
  const expected = { code: 'store_unusable', remedy: /sslrootcert/ }
  for (const query of ['verify-full', `verify-full&sslrootcert=${strange.authority}`])
    await assert.rejects(use(tempDir(t), 'localhost', `sslmode=${query}`), expected)
  await assert.rejects(
    use(tempDir(t), 'localhost', `sslmode=verify-ca&sslrootcert=${strange.authority}`),
    expected,
  )
})

test('a certificate for another host is refused, unless only its authority is checked', async (t) => {
  const ca = `sslrootcert=${strange.authority}`
  for (const host of ['localhost', '127.0.0.1'])
    await assert.rejects(use(tempDir(t), host, `sslmode=verify-full&${ca}`, named.port), {
      code: 'store_unusable',
      message: new RegExp(`${host} is not in the cert|${host}. is not in the cert`),
      remedy: /name of the host/,
    })
  await use(tempDir(t), 'localhost', `sslmode=verify-ca&${ca}`, named.port)
})

test('a database without TLS is refused if the connection must be encrypted', async (t) => {
  await assert.rejects(
    use(tempDir(t), 'localhost', `sslmode=verify-full&sslrootcert=${own.authority}`, plain.port),
    { code: 'store_unusable' },
  )
})
