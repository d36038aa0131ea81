import { Hono } from 'hono'
import { Limits } from '../../protocol/index.ts'
import type { Audit } from '../audit/audit.ts'
import type { Gate } from '../gate/gate.ts'
import { HttpError, httpErrorOf } from '../http-error.ts'
import type { Switchboard } from '../machines/switchboard.ts'
import { type HubMetricsParts, hubFamilies } from '../metrics/families.ts'
import type { CommandQueue } from '../registry/command-queue.ts'
import type { Enrollments } from '../registry/enrollments.ts'
import type { Readings } from '../registry/readings.ts'
import type { Sessions } from '../registry/sessions.ts'
import type { SignInTokens } from '../registry/sign-in-tokens.ts'
import type { UserKeys } from '../registry/user-keys.ts'
import type { Journals } from '../store/journals.ts'
import type { AgentStreams } from '../streams/agent-streams.ts'
import { type HubStreamContext, hubStream } from '../streams/hub-stream.ts'
import { agentCommands } from './agent-commands.ts'
import { agentRoutes } from './agent-routes.ts'
import { auditRoutes } from './audit-routes.ts'
import type { Trails } from './audit-trails.ts'
import { authenticate } from './authenticate.ts'
import { consoleRoutes } from './console-routes.ts'
import { enrollmentRoutes, tokenRoutes } from './enrollment-routes.ts'
import { fieldsOf } from './fields.ts'
import { admitBodies, answerHeaders, answerInTurn, onlyByLoopbackName } from './guards.ts'
import { keyRoutes } from './key-routes.ts'
import { machineOf } from './list-filters.ts'
import type { ListContext } from './lists.ts'
import { Lookup } from './lookup.ts'
import { machineRoutes } from './machine-routes.ts'
import { metricsAnswer } from './metrics-answer.ts'
import type { OpenRequests } from './open-requests.ts'
import { Orders } from './orders.ts'
import { type PublicContext, publicRoutes } from './public-routes.ts'
import { type PushContext, pushRoutes } from './push-routes.ts'
import { readableJson } from './readable-json.ts'
import { follow, limited, overHttp, streamIdOf, wholeNumber } from './request.ts'
import { blockedRoutes, type RolloutContext, rolloutRoutes } from './rollout-routes.ts'
import { sessionRoutes, signInRoute } from './session-routes.ts'
import { workspaceRoutes } from './workspace-routes.ts'

export interface ApiContext
  extends HubStreamContext,
    ListContext,
    PushContext,
    Pick<HubMetricsParts, 'counts'>,
    RolloutContext,
    Pick<PublicContext, 'releases' | 'store'> {
  journals: Journals
  streams: AgentStreams
  people: UserKeys
  sessions: Sessions
  signIns: SignInTokens
  open: OpenRequests
  audit: Audit
  trails: Trails
  commands: CommandQueue
  readings: Readings
  switchboard: Switchboard
  enrollments: Enrollments
  gate: Gate
  /** True if the hub listens on a loopback address only. */
  loopback: boolean
}

/** Maximum number of agents that a stream sends first. */
const MOST_FIRST = 1000

/** GET routes whose answers may be many MiB. */
const LONG = [
  '/api/machines',
  '/api/agents',
  '/api/agents/:agent_id',
  '/api/agents/:agent_id/events',
  '/api/agents/:agent_id/changes',
  '/api/agents/:agent_id/file',
  '/api/rollouts',
  '/api/audit',
]

/** Returns the HTTP API. `protocol/hub-api.ts` describes its requests and answers. */
export function api(context: ApiContext): Hono {
  const { gate, trails, loopback } = context
  const lookup = new Lookup(context)
  const orders = new Orders({ ...context, lookup })
  const app = new Hono()
  answerErrors(app, gate)

  app.use(readableJson)
  if (loopback) app.use(onlyByLoopbackName)
  app.use(answerHeaders)
  app.use(authenticate(context))
  app.route('/', publicRoutes(context))
  app.route('/', consoleRoutes())
  app.get('/metrics', (c) => metricsAnswer(c, hubFamilies(context)))
  app.route('/enroll', enrollmentRoutes(context))
  app.route('/sign-in', signInRoute(context))

  app.use('/api/*', trails.outcomes)
  app.use('/api/*', admitBodies(gate))
  for (const path of LONG) app.get(path, answerInTurn(gate))
  app.use('/api/*', limited(Limits.frame_bytes))
  app.use('/api/*', trails.orders)
  app.route('/api/machines', machineRoutes({ ...context, lookup, orders }))
  app.route('/api/agents', agentRoutes({ ...context, lookup }))
  app.route('/api/agents', workspaceRoutes({ ...context, lookup }))
  app.route('/api/agents', agentCommands({ ...context, lookup, orders }))
  app.get('/api/commands/:command_id', (c) => orders.outcome(c, c.req.param('command_id')))
  app.get('/api/stream', (c) => {
    const first = Math.min(wholeNumber(c, 'first'), MOST_FIRST)
    const options = { after: streamIdOf(c), machine_id: machineOf(c), fields: fieldsOf(c), first }
    return hubStream(context, { ...options, follower: follow(c, gate) })
  })
  app.route('/api', sessionRoutes(context))
  app.route('/api/push', pushRoutes(context))
  app.route('/api/rollouts', rolloutRoutes(context))
  app.route('/api/blocked-versions', blockedRoutes(context))
  app.route('/api/keys', keyRoutes(context))
  app.route('/api/enrolments', tokenRoutes(context))
  app.route('/api/audit', auditRoutes(context))
  return app
}

/** Answers failed requests and requests to unknown paths. */
function answerErrors(app: Hono, gate: Gate) {
  app.onError((error, c) => {
    if (!(error instanceof HttpError)) gate.onError(overHttp(c).incoming, { err: error, path: c.req.path })
    const fault = httpErrorOf(error)
    if (fault) return c.json({ error: fault.error }, fault.status, fault.headers)
    return c.json({ error: { code: 'internal', message: error.message } }, 500)
  })
  app.notFound((c) =>
    c.json({ error: { code: 'not_found', message: `Unknown request ${c.req.method} ${c.req.path}.` } }, 404),
  )
}
