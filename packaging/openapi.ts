import { readFileSync } from 'node:fs'
import * as z from 'zod/mini'
import { ROUTES, type Route } from '../src/hub/http/access.ts'
import * as protocol from '../src/protocol/index.ts'
import { definitions, nameOf, pascal, type Schema, tidy } from './schema.ts'

/** An answer: a schema of the protocol, or an object whose fields have such schemas. */
type Answer = z.ZodMiniType | Record<string, z.ZodMiniType>

const { HubAgent, HubKey, HubMachine, HubSession, HubToken, NewKey, Enrolment, PushState } = protocol
const health = { ok: z.boolean(), version: z.string(), error: z.optional(z.string()) }
const revoked = { revoked_keys: z.int() }
const NEXT = z.optional(z.string())

/** Answers in JSON, by route. A route that creates a command answers with the command's outcome. */
const ANSWERS: Record<string, Answer> = {
  'GET /health': health,
  'POST /enroll': protocol.EnrollAnswer,
  'POST /enroll/check': protocol.EnrollChecked,
  'POST /sign-in': protocol.NewSession,
  'GET /api/me': protocol.Me,
  'GET /api/sessions': { sessions: z.array(HubSession) },
  'POST /api/sessions': protocol.NewSession,
  'DELETE /api/sessions/:session_id': {},
  'POST /api/sign-in-tokens': protocol.SignInToken,
  'GET /api/push': PushState,
  'PATCH /api/push': PushState,
  'POST /api/push/subscriptions': protocol.HubSubscription,
  'DELETE /api/push/subscriptions/:subscription_id': {},
  'GET /api/machines': { machines: z.array(HubMachine), enrolled: z.optional(z.array(HubKey)), next: NEXT },
  'PATCH /api/machines/:machine_id': HubMachine,
  'DELETE /api/machines/:machine_id': { ...revoked, shared_keys: z.optional(z.int()) },
  'GET /api/agents': { agents: z.array(HubAgent), next: NEXT },
  'GET /api/agents/:agent_id': HubAgent,
  'POST /api/agents/:agent_id/move': HubAgent,
  'GET /api/agents/:agent_id/events': protocol.EventPage,
  'GET /api/agents/:agent_id/changes': protocol.WorkspaceChanges,
  'GET /api/agents/:agent_id/file': protocol.WorkspaceFile,
  'GET /api/commands/:command_id': protocol.Outcome,
  'POST /api/machines/:machine_id/place': HubMachine,
  'GET /api/rollouts': { rollouts: z.array(protocol.HubRolloutSummary) },
  'GET /api/rollouts/:rollout_id': protocol.HubRollout,
  'POST /api/rollouts': protocol.HubRollout,
  'POST /api/rollouts/:rollout_id/pause': protocol.HubRollout,
  'POST /api/rollouts/:rollout_id/resume': protocol.HubRollout,
  'POST /api/rollouts/:rollout_id/roll-back': protocol.HubRollout,
  'POST /api/rollouts/:rollout_id/cancel': protocol.HubRollout,
  'GET /api/blocked-versions': { versions: z.array(protocol.BlockedVersion) },
  'POST /api/blocked-versions/:version': protocol.BlockedVersion,
  'DELETE /api/blocked-versions/:version': {},
  'GET /api/audit': protocol.AuditPage,
  'GET /api/keys': { keys: z.array(HubKey) },
  'POST /api/keys': NewKey,
  'POST /api/keys/:key_id/rotate': NewKey,
  'POST /api/keys/:key_id/bind': z.extend(HubKey, revoked),
  'DELETE /api/keys/:key_id': revoked,
  'GET /api/enrolments': { enrolments: z.array(HubToken) },
  'POST /api/enrolments': Enrolment,
  'DELETE /api/enrolments/:token_id': {},
}

/** Answers that are not JSON, by route and status, as content types. */
const OTHER_ANSWERS: Record<string, Record<string, string[]>> = {
  'GET /install.sh': { '200': ['text/x-shellscript'] },
  'GET /releases/*': {
    '200': ['application/octet-stream', 'application/json'],
    '206': ['application/octet-stream', 'application/json'],
  },
  'GET /metrics': { '200': ['text/plain', 'application/openmetrics-text'] },
  'GET /api/stream': { '200': ['text/event-stream'] },
  'GET /api/agents/:agent_id/stream': { '200': ['text/event-stream'] },
}

/** Schemas of request bodies that `ROUTES` does not name, by route. */
const BODIES: Record<string, z.ZodMiniType> = {
  'POST /enroll': protocol.EnrollRequest,
  'POST /enroll/check': protocol.EnrollCheck,
  'POST /sign-in': protocol.SignInRequest,
  'POST /api/push/subscriptions': protocol.SubscribeRequest,
  'POST /api/agents': protocol.StartRequest,
}

/** Routes that answer 201. */
const CREATING = [
  'POST /sign-in',
  'POST /api/sessions',
  'POST /api/sign-in-tokens',
  'POST /api/push/subscriptions',
  'POST /api/keys',
  'POST /api/keys/:key_id/rotate',
  'POST /api/enrolments',
  'POST /api/rollouts',
]

const text: Schema = { type: 'string' }
const whole: Schema = { type: 'integer', minimum: 0 }
const yes: Schema = { type: 'string', enum: ['true', 'false'] }

/** Routes that return the events after a given event. */
const AGENT_EVENTS = /:agent_id\/(events|stream)$/
/** Routes that return machines or agents, and the stream of both. */
const LISTS = /^GET \/api\/(machines|agents)$/
const STREAM = /^GET \/api\/stream$/

/** Query parameters, with a pattern for the routes that accept them. */
const QUERIES: [routes: RegExp, parameters: Record<string, Schema>][] = [
  [/ \/api\/agents\/:agent_id/, { machine_id: text }],
  [AGENT_EVENTS, { after: text }],
  [LISTS, { after: text, limit: whole, connected: yes }],
  [/^GET \/api\/agents$/, { state: text, pending: yes, gone: yes, runtime: text, cwd: text }],
  [STREAM, { after: text, first: whole }],
  [/^GET \/api\/(machines|agents|stream)$/, { machine_id: text, fields: text }],
  [/\/events$/, { before: text, limit: whole }],
  [/\/changes$/, { since: text, path: { type: 'array', items: text }, stat: yes, after: text }],
  [/\/file$/, { path: text, folder: text, from_line: whole, lines: whole }],
  [/\/audit$/, { after: whole, limit: whole, by: text, action: text, machine_id: text }],
  [/\/audit$/, { agent_id: text, target: text, outcome: text }],
  [/^DELETE .*:machine_id$|\/move$/, { force: yes }],
]
const WAIT = { wait: { type: 'number', minimum: 0 } }

const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })
const json = (schema: Schema) => ({ 'application/json': { schema } })

/** Returns the JSON Schema of an answer, with references to the schemas of the protocol. */
function schemaOf(value: Answer): Schema {
  if (!('_zod' in value)) {
    const required = Object.keys(value).filter((name) => !(value[name] instanceof z.ZodMiniOptional))
    const properties = Object.fromEntries(Object.entries(value).map(([name, of]) => [name, schemaOf(of)]))
    return { type: 'object', properties, ...(required.length > 0 && { required }) }
  }
  const schema = value as z.ZodMiniType
  if (schema instanceof z.ZodMiniArray) return { type: 'array', items: schemaOf(schema.def.element as never) }
  try {
    return ref(nameOf(schema))
  } catch {
    const { $schema: _, ...own } = z.toJSONSchema(schema) as Schema
    tidy(own)
    return own
  }
}

const isCommand = (order: string | undefined): order is protocol.CommandType =>
  order !== undefined && Object.hasOwn(protocol.Commands, order)

/** Returns the schema of the request body of a route; undefined if the route takes no body. */
function bodyOf(name: string, { order, body }: Route, known: Record<string, Schema>): Schema | undefined {
  const own = BODIES[name] ?? body
  if (own) return schemaOf(own)
  if (!isCommand(order)) return undefined
  const { properties = {}, required = [], ...rest } = known[pascal(order)]!
  const { type: _type, agent_id: _agent, by: _by, ...fields } = properties
  const needed = required.filter((field) => !['type', 'agent_id', 'command_id'].includes(field))
  return { ...rest, properties: fields, ...(needed.length > 0 && { required: needed }) }
}

function responsesOf(name: string, { order }: Route) {
  const other = OTHER_ANSWERS[name]
  const ok = (content: object, description = 'Success.') => ({ description, content })
  if (other)
    return Object.fromEntries(
      Object.entries(other).map(([status, types]) => [
        status,
        ok(Object.fromEntries(types.map((type) => [type, { schema: text }]))),
      ]),
    )
  if (isCommand(order) || name === 'GET /api/commands/:command_id') {
    const outcome = json(ref('Outcome'))
    return {
      200: ok(outcome, 'The command succeeded.'),
      202: ok(outcome, 'The command is pending.'),
      422: ok(outcome, 'The command failed.'),
    }
  }
  const answer = json(schemaOf(ANSWERS[name]!))
  const same = LISTS.test(name) && { 304: { description: 'The list has the `ETag` in `If-None-Match`.' } }
  const failed = name === 'GET /health' && { 503: ok(answer, 'Activity cannot be written to the disk.') }
  return { [CREATING.includes(name) ? 201 : 200]: ok(answer), ...same, ...failed }
}

/** Returns the description of each route from the table in `hub-api.ts`. */
function descriptions(): Map<string, string> {
  const source = readFileSync(new URL('../src/protocol/hub-api.ts', import.meta.url), 'utf8')
  const found = new Map<string, string>()
  for (const [, method, path = '', about = ''] of source.matchAll(
    /^ \* \| `(GET|POST|PATCH|DELETE) ([^`?]+)[^`]*` \| (.*) \|$/gm,
  )) {
    const [, before = path, choices, after = ''] = /^(.*)\{(.*)\}(.*)$/.exec(path) ?? []
    for (const choice of choices?.split(',') ?? [''])
      found.set(`${method} ${before}${choice}${after}`.replace(/:path$/, '*'), about)
  }
  return found
}

const parameter = (where: 'path' | 'query' | 'header') => (name: string, schema: Schema) => ({
  name,
  in: where,
  ...(where === 'path' && { required: true }),
  schema,
})

function operation(name: string, route: Route, known: Record<string, Schema>, about: string | undefined) {
  if (about === undefined) throw new Error(`hub-api.ts does not describe ${name}`)
  const { role, order } = route
  const queries = QUERIES.filter(([routes]) => routes.test(name)).map(([, parameters]) => parameters)
  if (isCommand(order) || name === 'GET /api/commands/:command_id') queries.push(WAIT)
  const parameters = [
    ...[...name.matchAll(/:(\w+)/g)].map(([, of]) => parameter('path')(of!, text)),
    ...(name.endsWith('*') ? [parameter('path')('path', text)] : []),
    ...Object.entries(Object.assign({}, ...queries) as Record<string, Schema>).map(([of, schema]) =>
      parameter('query')(of, schema),
    ),
    ...(AGENT_EVENTS.test(name) || STREAM.test(name) ? [parameter('header')('Last-Event-ID', text)] : []),
    ...(LISTS.test(name) ? [parameter('header')('If-None-Match', text)] : []),
  ]
  const body = bodyOf(name, route, known)
  return {
    operationId: name.toLowerCase().replace(/\W+(\w|$)/g, (_, letter: string) => letter.toUpperCase()),
    description: about,
    'x-role': role,
    security: role === 'anyone' ? [] : [{ userKey: [] }, { session: [] }],
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { content: json(body) } }),
    responses: { ...responsesOf(name, route), default: { $ref: '#/components/responses/Error' } },
  }
}

/** Returns the named schemas that a document refers to, directly or through others. */
function reached(document: object, known: Record<string, Schema>): Record<string, Schema> {
  const found: Record<string, Schema> = {}
  const visit = (part: object) => {
    for (const [, name = ''] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/(\w+)"/g))
      if (!found[name]) {
        found[name] = known[name]!
        visit(found[name])
      }
  }
  visit(document)
  return found
}

/** Returns `openapi.json`: the hub's HTTP API, made from its routes and the schemas of the protocol. */
export function openApi(version: string) {
  const known = JSON.parse(
    JSON.stringify(definitions('input')).replaceAll('#/$defs/', '#/components/schemas/'),
  ) as Record<string, Schema>
  const about = descriptions()
  const paths: Record<string, Record<string, object>> = {}
  for (const [name, route] of Object.entries(ROUTES)) {
    if (route.isPage) continue
    const [method = '', pattern = ''] = name.split(' ')
    const path = pattern.replace(/:(\w+)/g, '{$1}').replace('*', '{path}')
    paths[path] = { ...paths[path], [method.toLowerCase()]: operation(name, route, known, about.get(name)) }
  }
  const responses = {
    Error: {
      description: 'The request failed. With 429, 503, and 507, it may succeed later.',
      headers: { 'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer' } } },
      content: json({ type: 'object', properties: { error: ref('CommandError') }, required: ['error'] }),
    },
  }
  return {
    openapi: '3.1.0',
    info: { title: 'FomularOS hub', version, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: 'http://127.0.0.1:3001' }],
    paths,
    components: {
      securitySchemes: {
        userKey: { type: 'http', scheme: 'bearer' },
        session: {
          type: 'apiKey',
          in: 'header',
          name: protocol.SESSION_HEADER,
          description:
            'For browsers: `<session_id>.<secret>`, with the cookie `fomular_session_<session_id>`.',
        },
      },
      responses,
      schemas: reached({ paths, responses }, known),
    },
  }
}
