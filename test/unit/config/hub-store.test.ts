import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hubStore } from '../../../src/config/hub-store.ts'
import { tempDir } from '../../support/temp.ts'

/** An environment in which the folder of the user has no password file. */
const NO_FILE = { HOME: '/nonexistent' }

test('a hub keeps its data in files unless an address of a database is given', () => {
  assert.equal(hubStore({}, {}), undefined)
  assert.deepEqual(hubStore({}, { ...NO_FILE, FOMULAR_HUB_STORE: 'postgres://hub:p%40ss@localhost/data' }), {
    hosts: [{ host: 'localhost', port: 5432 }],
    database: 'data',
    user: 'hub',
    password: 'p@ss',
    tls: undefined,
  })
  assert.equal(
    hubStore({ store: 'postgres:///data?host=/run/postgresql&user=hub' }, NO_FILE)?.hosts[0].host,
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
  assert.deepEqual(hubStore({ store }, NO_FILE)?.tls, { ca: undefined, checksName: true })
  for (const mode of ['disable', 'allow', 'prefer', 'require', 'verify-ca'])
    assert.throws(() => hubStore({ store: `${store}?sslmode=${mode}` }, {}), { code: 'config_invalid' })
  assert.deepEqual(hubStore({ store: 'postgres://hub@localhost/data?sslmode=verify-full' }, NO_FILE)?.tls, {
    ca: undefined,
    checksName: true,
  })
})

test('a list of hosts may contain ports', () => {
  const hosts = (store: string) => hubStore({ store }, NO_FILE)?.hosts.map(({ host, port }) => [host, port])
  assert.deepEqual(hosts('postgres://hub@db1.example.com,db2.example.com:5433/data'), [
    ['db1.example.com', 5432],
    ['db2.example.com', 5433],
  ])
  assert.deepEqual(hosts('postgres://hub@[::1]:1,127.0.0.1:2/data?target_session_attrs=read-write'), [
    ['::1', 1],
    ['127.0.0.1', 2],
  ])
  assert.deepEqual(hosts('postgres:///data?host=a.example.com,b.example.com&port=1,2&user=hub'), [
    ['a.example.com', 1],
    ['b.example.com', 2],
  ])
  for (const store of [
    'postgres://hub@a,,b/data',
    'postgres://hub@a:0/data',
    'postgres://hub@a:70000/data',
    'postgres://hub@a,b,c,d,e,f/data',
    'postgres://hub@a/data?target_session_attrs=standby',
    'postgres://h%ub@localhost/data',
  ])
    assert.throws(() => hubStore({ store }, NO_FILE), { code: 'config_invalid' }, store)
})

test('without its name, a certificate counts only if a private authority has signed it', (t) => {
  const file = join(tempDir(t), 'ca.pem')
  writeFileSync(file, 'PEM')
  const store = 'postgres://hub@db.example.com/data?sslmode=verify-ca'
  assert.deepEqual(hubStore({ store: `${store}&sslrootcert=${file}` }, NO_FILE)?.tls, {
    ca: 'PEM',
    checksName: false,
  })
  assert.throws(() => hubStore({ store }, NO_FILE), { code: 'config_invalid', remedy: /sslrootcert/ })
})

test("the password may be in PostgreSQL's own file, if other users cannot read it", (t) => {
  const home = tempDir(t)
  const file = join(home, '.pgpass')
  writeFileSync(
    file,
    [
      '# db.example.com:5432:data:hub:comment',
      'other.example.com:5432:data:hub:other host',
      'db.example.com:5432:data:other:other user',
      'db.example.com:5433:da\\:ta:hub:esca\\:ped:\\\\',
      'db.example.com:*:*:hub:any',
      'localhost:5432:data:hub:socket',
    ].join('\n'),
    { mode: 0o600 },
  )
  const password = (store: string, env: NodeJS.ProcessEnv = { HOME: home }) =>
    hubStore({ store }, env)?.password
  assert.equal(password('postgres://hub@db.example.com/data'), 'any')
  assert.equal(password('postgres://hub@new.example.com,db.example.com/data'), 'any')
  assert.equal(password('postgres://hub@db.example.com:5433/da%3Ata'), 'esca:ped:\\')
  assert.equal(password('postgres:///data?host=/run/postgresql&user=hub'), 'socket')
  assert.equal(password('postgres://hub@unknown.example.com/data'), undefined)
  assert.equal(password('postgres://hub@db.example.com/data', { HOME: '/', PGPASSFILE: file }), 'any')
  assert.equal(password('postgres://hub@db.example.com/data', { HOME: home, PGPASSWORD: 'first' }), 'first')
  assert.throws(() => password('postgres://hub@localhost/data', { PGPASSFILE: join(home, 'none') }), {
    code: 'config_invalid',
  })
  chmodSync(file, 0o640)
  assert.throws(() => password('postgres://hub@db.example.com/data'), {
    code: 'config_invalid',
    remedy: /chmod 600/,
  })
})
