import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Context, Hono } from 'hono'
import { tagged } from '../../../../src/hub/http/entity-tag.ts'
import { fieldsOf } from '../../../../src/hub/http/fields.ts'
import { agentFilter, machineFilter } from '../../../../src/hub/http/list-filters.ts'
import { cut, type Page, pageOf } from '../../../../src/hub/http/list-page.ts'
import { streamIdOf } from '../../../../src/hub/http/request.ts'
import { HttpError } from '../../../../src/hub/http-error.ts'
import { pick } from '../../../../src/hub/registry/fields.ts'
import type { AgentRecord } from '../../../../src/hub/store/records.ts'
import type { HubMachine } from '../../../../src/protocol/index.ts'
import { statusOf } from '../../../support/light-daemon.ts'

/** Returns the result of a function for a request with this query; its error if it throws an `HttpError`. */
async function asked<T>(query: string, read: (c: Context) => T, headers: Record<string, string> = {}) {
  const results: (T | HttpError)[] = []
  const app = new Hono().get('/', (c) => {
    try {
      results.push(read(c))
    } catch (error) {
      assert.ok(error instanceof HttpError, String(error))
      results.push(error)
    }
    return c.body(null)
  })
  await app.request(`/?${query}`, { headers })
  return results[0]!
}

async function value<T>(query: string, read: (c: Context) => T): Promise<T> {
  const result = await asked(query, read)
  assert.ok(!(result instanceof HttpError), String(result))
  return result
}

const record = (agent_id: string, machine_id: string, rest: object = {}, gone = false): AgentRecord => ({
  version: 1,
  agent_id,
  machine_id,
  key: agent_id,
  gone,
  status: statusOf(agent_id, rest),
})
const request = { request_id: 'r', ask: 'tool', tool: 'Bash', input: {} }
const { status: _, ...silent } = record('silent', 'm1')
const RECORDS = [
  record('a', 'm1', { state: 'waiting', cwd: '/srv/project', pending: [request] }),
  record('b', 'm1', { state: 'working', cwd: '/srv/project/part', pending_omitted: 3 }),
  record('c', 'm2', { state: 'idle', cwd: '/srv/projects', runtime: 'other' }),
  record('d', '"m', { state: 'exited', cwd: '/' }, true),
  silent as AgentRecord,
]
const machines = { link: (id: string) => (id === 'm1' ? { capabilities: [], send() {} } : undefined) }

describe('filters', () => {
  const cases: [string, string][] = [
    ['', 'abcd'],
    ['state=idle', 'c'],
    ['state=idle,waiting', 'ac'],
    ['machine_id=m1', 'ab'],
    ['machine_id=%22%5C%22m%22', 'd'],
    ['machine_id=m', ''],
    ['pending=true', 'ab'],
    ['pending=false', 'cd'],
    ['connected=true', 'ab'],
    ['connected=false&gone=false', 'c'],
    ['gone=true', 'd'],
    ['runtime=other', 'c'],
    ['cwd=/srv/project', 'ab'],
    ['cwd=/srv/project/part/', 'b'],
    ['cwd=/', 'abcd'],
    ['state=working&machine_id=m1&pending=true&cwd=/srv', 'b'],
  ]
  for (const [query, expected] of cases)
    test(`the query "${query}" selects ${expected || 'no agents'}`, async () => {
      const matches = await value(query, (c) => agentFilter(c, machines))
      assert.equal(
        RECORDS.filter(matches)
          .map(({ agent_id }) => agent_id)
          .join(''),
        expected,
      )
    })

  test('machines are selected by id, and by whether they are connected', async () => {
    const all = [
      { machine_id: 'm1', connected: true },
      { machine_id: 'm2', connected: false },
    ] as HubMachine[]
    const found = async (query: string) => all.filter((await value(query, machineFilter)) ?? (() => true))
    assert.deepEqual(await found(''), all)
    assert.deepEqual(await found('machine_id=m2'), [all[1]])
    assert.deepEqual(await found('connected=true'), [all[0]])
    assert.deepEqual(await found('connected=true&machine_id=m2'), [])
  })
})

test('an invalid query parameter is refused with its name', async () => {
  const cases: [string, string][] = [
    ['state=asleep', 'state'],
    ['state=', 'state'],
    ['state=idle,', 'state'],
    ['state=idle&state=working', 'state'],
    ['pending=yes', 'pending'],
    ['connected=', 'connected'],
    ['gone=true&gone=true', 'gone'],
    ['cwd=project', 'cwd'],
    ['limit=0', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=many', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['after=%00', 'after'],
    ['after=a', 'after'],
    [`after=${'A'.repeat(5000)}`, 'after'],
    ['fields=', 'fields'],
    ['fields=a,,b', 'fields'],
    ['fields=a.b', 'fields'],
    [`fields=${'a,'.repeat(100)}a`, 'fields'],
    ['fields=a&fields=b', 'fields'],
  ]
  for (const [query, path] of cases) {
    const error = await asked(query, (c) => [agentFilter(c, machines), pageOf(c), fieldsOf(c)])
    assert.ok(error instanceof HttpError, query)
    assert.equal(error.status, 400, query)
    assert.equal(error.error.code, 'invalid_request', query)
    assert.equal(error.error.path, path, query)
  }
})

test('cursors divide a list into pages, even if entries are added and removed between two pages', async () => {
  let list = ['a', 'b', 'c\0d', 'é\ud800', '𝒜'].sort()
  const pages: string[][] = []
  let cursor: string | undefined = ''
  while (cursor !== undefined) {
    const page: Page = (await value(`limit=2&after=${cursor}`, pageOf))!
    const { taken, next } = cut(
      list.filter((each) => each > page.after),
      page,
      (each) => each,
    )
    pages.push(taken)
    cursor = next
    list = ['0', ...list.filter((each) => each !== 'b')]
  }
  assert.deepEqual(pages, [['a', 'b'], ['c\0d', 'é\ud800'], ['𝒜']])
})

test('a request without a limit and a cursor asks for the whole list', async () => {
  assert.equal(await value('state=idle', pageOf), undefined)
  assert.equal((await value('limit=1e300', pageOf))?.limit, 10_000)
})

test('selected fields include the ids, and unknown fields are left out', async () => {
  const fields = await value('fields=title,__proto__,state,of_tomorrow', fieldsOf)
  const entry = { agent_id: 'a', state: 'idle', title: 'A', cwd: '/', machine_id: 'm' }
  assert.deepEqual(pick(entry, fields), { machine_id: 'm', agent_id: 'a', title: 'A', state: 'idle' })
  assert.equal(pick(entry, undefined), entry)
})

test('an entity tag is equal only for the same query and versions, in any form of If-None-Match', async () => {
  const tagOf = async (query: string, versions: unknown[], known = '') => {
    const result = await asked(query, (c) => tagged(c, versions), { 'if-none-match': known })
    assert.ok(!(result instanceof HttpError))
    return result
  }
  const { headers, isKnown } = await tagOf('state=idle', [1])
  assert.equal(isKnown, false)
  const { etag } = headers
  for (const known of [etag, `"x", ${etag}`, etag.slice(2), '*'])
    assert.equal((await tagOf('state=idle', [1], known)).isKnown, true, known)
  for (const known of ['"x"', etag.slice(0, -2), 'W/""'])
    assert.equal((await tagOf('state=idle', [1], known)).isKnown, false, known)
  assert.equal((await tagOf('state=idle', [2], etag)).isKnown, false)
  assert.equal((await tagOf('state=working', [1], etag)).isKnown, false)
})

test('a client can follow the lists after any text, because an error would end its attempts', async () => {
  const id = 'x'.repeat(100)
  assert.equal(await asked('after=', streamIdOf), '')
  assert.equal(await asked(`after=${id}`, streamIdOf), id)
  assert.equal(await asked('after=0', streamIdOf, { 'last-event-id': 'a b' }), 'a b')
  assert.equal(await asked('after=0', streamIdOf), '0')
})
