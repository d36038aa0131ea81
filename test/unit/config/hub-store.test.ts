import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hubStore } from '../../../src/config/hub-store.ts'
import { tempDir } from '../../support/temp.ts'

test('a hub keeps its data in files unless an address of a database is given', () => {
  assert.equal(hubStore({}, {}), undefined)
  assert.deepEqual(hubStore({}, { FOMULAR_HUB_STORE: 'postgres://hub:p%40ss@localhost/data' }), {
    host: 'localhost',
    port: 5432,
    database: 'data',
    user: 'hub',
    password: 'p@ss',
    tls: undefined,
  })
  assert.equal(
    hubStore({ store: 'postgres:///data?host=/run/postgresql&user=hub' }, {})?.host,
    '/run/postgresql',
  )
})

test('the password comes from a file or a variable, never from the command line', (t) => {
  const file = join(tempDir(t), 'password')
  writeFileSync(file, 'from the file\n')
  const store = 'postgres://hub@localhost/data'
  assert.equal(
    hubStore({ store, storePasswordFile: file }, { PGPASSWORD: 'variable' })?.password,
    'from the file',
  )
  assert.equal(hubStore({ store }, { PGPASSWORD: 'variable' })?.password, 'variable')
  assert.throws(() => hubStore({ store: 'postgres://hub:secret@localhost/data' }, {}), {
    code: 'config_invalid',
    remedy: /--store-password-file/,
  })
})

test('the certificate of a database on another machine is always checked', () => {
  const store = 'postgres://hub@db.example.com/data'
  assert.deepEqual(hubStore({ store }, {})?.tls, { ca: undefined })
  for (const mode of ['disable', 'allow', 'prefer', 'require', 'verify-ca'])
    assert.throws(() => hubStore({ store: `${store}?sslmode=${mode}` }, {}), { code: 'config_invalid' })
  assert.deepEqual(hubStore({ store: 'postgres://hub@localhost/data?sslmode=verify-full' }, {})?.tls, {
    ca: undefined,
  })
})
