import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { openApi } from '../../../packaging/openapi.ts'
import { ROUTES } from '../../../src/hub/http/access.ts'
import type { HubKey, HubSession, HubToken } from '../../../src/protocol/index.ts'
import { TestHub } from '../../support/hub.ts'
import { statusOf } from '../../support/light-daemon.ts'
import { PushBrowser } from '../../support/push-service.ts'

interface Operation {
  operationId: string
  parameters?: { name: string; in: string }[]
  requestBody?: object
  responses: Record<string, { $ref?: string; content?: Record<string, object> }>
}

const api = openApi('0.0.0')
const paths = api.paths as Record<string, Record<string, Operation>>
const pathOf = (pattern: string) => pattern.replace(/:(\w+)/g, '{$1}').replace('*', '{path}')

/** Routes of the API. The files of the console are not part of it. */
const API_ROUTES = Object.entries(ROUTES).flatMap(([name, { isPage }]) => (isPage ? [] : [name]))

const ajv = new Ajv2020({ strict: false })
ajv.addSchema(api, 'api')

/** Checks that a value fits the schema at this place in the document. */
function assertFits(value: unknown, place: string[], what: string) {
  const pointer = place.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
  const fits = ajv.getSchema(`api#/${pointer.join('/')}/schema`)
  assert.ok(fits, `no schema for ${what}`)
  assert.ok(fits(value), `${what}: ${ajv.errorsText(fits.errors)} in ${JSON.stringify(value)}`)
}

/** Fields of answers that are needed for later requests. */
interface Answer {
  token?: string
  expires_at?: string
  key_id?: string
  enrolments?: HubToken[]
  keys?: HubKey[]
  session?: HubSession
  subscription_id?: string
  rollout_id?: string
}

/** Returns a function that sends and checks requests to a hub, and the set of routes that have answered. */
function asker(hub: TestHub) {
  const answered = new Set<string>()

  /** Sends a request, and checks the request and its answer. @returns the answer */
  async function ask(route: string, status: number, path = '', body?: object, headers = {}): Promise<Answer> {
    const [method = '', pattern = ''] = route.split(' ')
    const operation = paths[pathOf(pattern)]![method.toLowerCase()]!
    const place = ['paths', pathOf(pattern), method.toLowerCase()]
    if (body && status < 400)
      assertFits(body, [...place, 'requestBody', 'content', 'application/json'], route)
    const answer = await hub.request(method, path || pattern, body, headers)
    assert.equal(
      answer.status,
      status,
      `${route}: ${status === answer.status ? '' : await answer.clone().text()}`,
    )
    if (status < 400 || status === 422) answered.add(route)
    const described = operation.responses[status]
    const type = answer.headers.get('content-type')?.split(';')[0] ?? ''
    if (described) assert.ok(Object.keys(described.content ?? {}).includes(type), `${route}: ${type}`)
    if (type !== 'application/json') {
      await answer.body?.cancel()
      return {}
    }
    const where = described ? [...place, 'responses', String(status)] : ['components', 'responses', 'Error']
    const json = (await answer.json()) as Answer
    assertFits(json, [...where, 'content', type], `${route} (${status})`)
    return json
  }

  return { ask, answered }
}

/** Sends the requests about groups, staged updates, and blocked versions. */
async function rolledOut(ask: ReturnType<typeof asker>['ask']) {
  const place = { group: 'canary', labels: { site: 'berlin' } }
  await ask('POST /api/machines/:machine_id/place', 200, '/api/machines/machine-1/place', place)
  const { rollout_id } = await ask('POST /api/rollouts', 201, '', { version: '9.9.9', groups: ['canary'] })
  await ask('POST /api/rollouts', 404, '', { version: '9.9.9', groups: ['unknown'] })
  await ask('GET /api/rollouts', 200)
  const one = `/api/rollouts/${rollout_id}`
  await ask('GET /api/rollouts/:rollout_id', 200, one)
  for (const order of ['pause', 'resume', 'roll-back', 'cancel'])
    await ask(`POST /api/rollouts/:rollout_id/${order}`, 200, `${one}/${order}`)
  const version = '/api/blocked-versions/9.9.9'
  await ask('POST /api/blocked-versions/:version', 200, version, { reason: 'It is broken.' })
  await ask('GET /api/blocked-versions', 200)
  await ask('DELETE /api/blocked-versions/:version', 200, version)
}

describe('openapi.json', () => {
  test('the OpenAPI document has every route of the hub with its parameters, and no other route', () => {
    const found = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const routes = API_ROUTES.map((name) => name.replace(/ .*/, pathOf))
    assert.deepEqual(found.sort(), routes.sort())
    const operations = Object.entries(paths).flatMap(([path, of]) =>
      Object.values(of).map((operation) => [path, operation] as const),
    )
    for (const [path, { parameters = [] }] of operations)
      assert.deepEqual(
        parameters.filter((each) => each.in === 'path').map(({ name }) => `{${name}}`),
        path.match(/\{\w+\}/g) ?? [],
      )
    assert.equal(new Set(operations.map(([, { operationId }]) => operationId)).size, operations.length)
  })

  test('the OpenAPI document refers only to its own definitions, and uses all of them', () => {
    const used = [...JSON.stringify(api).matchAll(/"\$ref":"([^"]+)"/g)].map(([, pointer]) => pointer)
    const schemas = Object.keys(api.components.schemas).map((name) => `#/components/schemas/${name}`)
    assert.deepEqual([...new Set(used)].sort(), ['#/components/responses/Error', ...schemas].sort())
  })

  test('the OpenAPI document describes the answers of a hub to every request', async (t) => {
    const hub = await TestHub.open(t)
    const { ask, answered } = asker(hub)
    const releases = join(hub.dir, 'releases')
    mkdirSync(releases)
    for (const name of ['install.sh', 'latest']) writeFileSync(join(releases, name), 'text')

    const daemon = await hub.daemon({ agents: [statusOf('a')] })
    daemon.send({
      type: 'agent:activity',
      agent_id: 'a',
      from: 0,
      to: 1,
      events: [{ kind: 'text', text: 'hi', offset: 0, index: 0 }],
    })
    await daemon.acknowledged('a', 1)

    for (const route of [
      'GET /health',
      'GET /metrics',
      'GET /install.sh',
      'GET /api/machines',
      'GET /api/agents',
      'GET /api/stream',
    ])
      await ask(route, 200)
    await ask('GET /releases/*', 200, '/releases/latest')
    await ask('GET /releases/*', 206, '/releases/latest', undefined, { range: 'bytes=1-' })
    await ask('GET /api/agents/:agent_id', 200, '/api/agents/a')
    await ask('GET /api/agents/:agent_id', 404, '/api/agents/none')
    await ask('GET /api/agents/:agent_id/events', 200, '/api/agents/a/events?limit=1')
    await ask('GET /api/agents/:agent_id/events', 200, '/api/agents/a/events?before=end&limit=1')
    await ask('GET /api/agents/:agent_id/events', 400, '/api/agents/a/events?limit=x')
    await ask('GET /api/agents/:agent_id/stream', 200, '/api/agents/a/stream')
    const changes = ask('GET /api/agents/:agent_id/changes', 200, '/api/agents/a/changes')
    const folders = { since: 'head', folders: [{ path: '/srv' }], total: 0, files: [] }
    daemon.answer(await daemon.command('workspace:diff'), folders)
    await changes
    const file = ask('GET /api/agents/:agent_id/file', 200, '/api/agents/a/file?path=a')
    const lines = { folder: '/srv', path: 'a', size_bytes: 1, from_line: 1, total_lines: 1, text: 'a' }
    daemon.answer(await daemon.command('workspace:file'), lines)
    await file
    await ask('GET /api/agents/:agent_id/file', 400, '/api/agents/a/file')

    const bodies: Record<string, object> = {
      prompt: { content: 'hello' },
      permission: { request_id: 'r', decision: 'allow' },
      answer: { request_id: 'r', answers: { 'Which?': 'this' } },
      configure: { model: 'm' },
      withdraw: { prompt_id: '00000000-0000-8000-8000-000000000000' },
    }
    for (const name of [
      'prompt',
      'interrupt',
      'withdraw',
      'permission',
      'answer',
      'configure',
      'stop',
      'resume',
      'merge',
      'discard',
      'remove',
    ])
      await ask(`POST /api/agents/:agent_id/${name}`, 202, `/api/agents/a/${name}?wait=0`, bodies[name] ?? {})
    await ask('POST /api/agents', 202, '/api/agents?wait=0', { spec: { cwd: '/' } })
    await ask('POST /api/agents', 400, '/api/agents', { spec: {} })
    for (const name of ['check', 'restart', 'update'])
      await ask(`POST /api/machines/:machine_id/${name}`, 202, `/api/machines/machine-1/${name}?wait=0`, {})
    const [succeeds, fails] = [await daemon.command('agent:prompt'), await daemon.command('agent:stop')]
    daemon.answer(succeeds, { prompt_id: '00000000-0000-4000-8000-000000000000' })
    daemon.answer(fails, { ok: false, error: { code: 'agent_not_running', message: 'It has ended.' } })
    const outcome = 'GET /api/commands/:command_id'
    await ask(outcome, 200, `/api/commands/${succeeds.command_id}`)
    await ask(outcome, 422, `/api/commands/${fails.command_id}`)

    const { token, ...made } = await ask('POST /api/enrolments', 201, '', { name: 'second' })
    assert.ok(made.expires_at)
    const machine = { token, key_sha256: '1'.repeat(64), hostname: 'host-2', machine_id: 'machine-2' }
    await ask('POST /enroll/check', 200, '', { token })
    await ask('POST /enroll', 200, '', machine)
    await ask('POST /enroll', 401, '', { ...machine, token: 'other' })
    await ask('POST /api/enrolments', 201, '', {})
    const { enrolments } = await ask('GET /api/enrolments', 200)
    const open = enrolments?.find(({ used }) => !used)
    await ask('DELETE /api/enrolments/:token_id', 200, `/api/enrolments/${open?.token_id}`)

    const { key_id } = await ask('POST /api/keys', 201, '', { name: 'build', role: 'machine' })
    await ask('POST /api/keys/:key_id/bind', 200, `/api/keys/${key_id}/bind`, { machine_id: 'machine-3' })
    await ask('POST /api/keys/:key_id/rotate', 201, `/api/keys/${key_id}/rotate`)
    const { keys } = await ask('GET /api/keys', 200)
    const rotated = keys?.find(({ name }) => name === 'build')
    await ask('DELETE /api/keys/:key_id', 200, `/api/keys/${rotated?.key_id}`)

    await ask('GET /api/me', 200)
    const { session } = await ask('POST /api/sessions', 201)
    const signIn = await ask('POST /api/sign-in-tokens', 201)
    await ask('POST /sign-in', 201, '', { token: signIn.token })
    await ask('POST /sign-in', 401, '', { token: signIn.token })
    await ask('GET /api/sessions', 200)
    await ask('DELETE /api/sessions/:session_id', 200, `/api/sessions/${session?.session_id}`)

    await ask('GET /api/push', 200)
    await ask('PATCH /api/push', 200, '', { kinds: ['question'] })
    const push = 'POST /api/push/subscriptions'
    const { keys: browser } = new PushBrowser()
    const browserOfHub = await ask(push, 201, '', { endpoint: 'https://push.example.com/a', keys: browser })
    await ask(push, 400, '', { endpoint: 'https://10.0.0.1/a', keys: browser })
    const removed = `/api/push/subscriptions/${browserOfHub.subscription_id}`
    await ask('DELETE /api/push/subscriptions/:subscription_id', 200, removed)

    await ask('PATCH /api/machines/:machine_id', 200, '/api/machines/machine-1', { name: 'first' })
    await rolledOut(ask)
    const other = await hub.daemon({ machine_id: 'machine-4', instance_id: 'instance-4' })
    await ask('POST /api/agents/:agent_id/move', 409, '/api/agents/a/move', { machine_id: 'machine-4' })
    await ask('POST /api/agents/:agent_id/move', 200, '/api/agents/a/move?force=true', {
      machine_id: 'machine-4',
    })
    await other.close()
    await ask('DELETE /api/machines/:machine_id', 409, '/api/machines/machine-1')
    await ask('DELETE /api/machines/:machine_id', 200, '/api/machines/machine-1?force=true')
    await ask('GET /api/audit', 200, '/api/audit?limit=5')
    assert.deepEqual([...answered].sort(), API_ROUTES.sort())
  })
})
