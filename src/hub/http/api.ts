import { type Context, Hono } from 'hono'
import { isLoopback } from '../../config/server-url.ts'
import { VERSION } from '../../platform/version.ts'
import {
  type Command,
  type HubMachine,
  Limits,
  RenameRequest,
  Commands as Schemas,
} from '../../protocol/index.ts'
import { idFromAddress } from '../../protocol/machine-address.ts'
import type { Audit } from '../audit/audit.ts'
import type { Gate } from '../gate/gate.ts'
import { HttpError, httpErrorOf } from '../http-error.ts'
import type { Switchboard } from '../machines/switchboard.ts'
import type { CommandQueue } from '../registry/command-queue.ts'
import type { Enrollments } from '../registry/enrollments.ts'
import type { Keys } from '../registry/keys.ts'
import { described, Lookup } from './lookup.ts'
import type { Quotas } from '../registry/quotas.ts'
import type { UserKeys } from '../registry/user-keys.ts'
import { agentRoutes } from './agent-routes.ts'
import { auditRoutes } from './audit-routes.ts'
import type { Trails } from './audit-trails.ts'
import { authenticate, callerOf } from './authenticate.ts'
import { enrollmentRoutes } from './enrollment-routes.ts'
import { isUnused, keyRoutes } from './key-routes.ts'
import type { OpenRequests } from './open-requests.ts'
import { longJson, readableJson } from './readable-json.ts'
import { installer, releaseFile } from './releases.ts'
import { command, jsonBody, limited, overHttp, parse, waitMs } from './request.ts'
import { hubStream, type StreamContext } from './streams.ts'

export interface ApiContext extends StreamContext {
  keys: Keys
  people: UserKeys
  open: OpenRequests
  audit: Audit
  trails: Trails
  commands: CommandQueue
  switchboard: Switchboard
  quotas: Quotas
  enrollments: Enrollments
  /** Folder with releases to install machines from; may be missing. */
  releases: string
  gate: Gate
  /** True if the hub listens on a loopback address only. */
  loopback: boolean
}

const MACHINE_COMMANDS = {
  check: 'machine:check',
  restart: 'daemon:restart',
  update: 'daemon:update',
} as const

/** `Retry-After` of a hub that is not healthy, in seconds. It tries to write to its disk every second. */
const HEALTH_RETRY_S = '5'

/** GET routes whose answers may be many MiB: the hub builds them only when there is memory. */
const LONG = [
  '/api/machines',
  '/api/agents',
  '/api/agents/:agent_id',
  '/api/agents/:agent_id/events',
  '/api/audit',
]

/** Returns the HTTP API. `protocol/hub-api.ts` describes its requests and answers. */
export function api(context: ApiContext): Hono {
  const {
    keys,
    releases,
    agents,
    machines,
    commands,
    switchboard,
    journals,
    quotas,
    loopback,
    gate,
    trails,
  } = context
  const app = new Hono()
  const lookup = new Lookup(context)

  app.onError((error, c) => {
    if (!(error instanceof HttpError)) gate.onError(overHttp(c).incoming, { err: error, path: c.req.path })
    const fault = httpErrorOf(error)
    if (fault) return c.json({ error: fault.error }, fault.status, fault.headers)
    return c.json({ error: { code: 'internal', message: error.message } }, 500)
  })
  app.notFound((c) =>
    c.json({ error: { code: 'not_found', message: `Unknown request ${c.req.method} ${c.req.path}.` } }, 404),
  )

  app.use(readableJson)
  app.use(async (c, next) => {
    // Prevents DNS rebinding: a web page could point its own host name at 127.0.0.1 and call this API.
    if (loopback && !isLoopback(hostName(c.req.header('host'))))
      throw new HttpError(
        403,
        'forbidden_host',
        'This hub answers only requests to a loopback name of this machine.',
        {
          remedy: 'Use http://127.0.0.1 or http://localhost.',
        },
      )
    await next()
    c.header('x-content-type-options', 'nosniff')
  })
  app.use(authenticate(context))

  app.get('/health', (c) => {
    const { problem } = journals
    return problem
      ? c.json({ ok: false, version: VERSION, error: problem }, 503, { 'retry-after': HEALTH_RETRY_S })
      : c.json({ ok: true, version: VERSION })
  })

  app.get('/install.sh', (c) => installer(c, releases))
  app.get('/releases/*', (c) => {
    gate.admitDownload(overHttp(c).incoming)
    return releaseFile(c, releases)
  })
  app.use('/api/*', trails.outcomes)
  // Before any of the body is read.
  app.use('/api/*', (c, next) => {
    gate.admitBody(overHttp(c).incoming)
    return next()
  })
  for (const path of LONG)
    app.get(path, async (c, next) => {
      const { incoming, outgoing } = overHttp(c)
      try {
        await gate.answer(incoming, outgoing, async () => {
          await next()
          return Number(c.res.headers.get('content-length'))
        })
      } catch (error) {
        // Otherwise the error would get the headers of the dropped answer.
        c.res = undefined
        throw error
      }
    })
  app.use('/api/*', limited(Limits.frame_bytes))
  app.use('/api/*', trails.orders)

  app.get('/api/machines', (c) =>
    longJson(c, { machines: machines.all().map(withUsage), enrolled: keys.list().filter(isUnused) }),
  )
  app.patch('/api/machines/:machine_id', async (c) => {
    const { machine_id } = lookup.machine(machineIn(c))
    const { name } = parse(RenameRequest, await jsonBody(c))
    const other = machines.all().find((each) => each.machine_id !== machine_id && goesBy(each, name))
    if (other)
      throw new HttpError(409, 'name_taken', `${described(other)} already has that name or id.`, {
        path: 'name',
        remedy: 'Choose another name, or rename or remove that machine.',
      })
    await machines.rename(machine_id, name)
    agents.shownAnew(machine_id)
    return c.json(lookup.machine(machine_id))
  })
  app.delete('/api/machines/:machine_id', async (c) => {
    const id = machineIn(c)
    // The machine was enrolled but has never connected.
    if (!machines.get(id) && keys.knows(id))
      return c.json({ revoked_keys: (await keys.revoke(id, machines.ids())).revoked })
    const machine = lookup.machine(id)
    const { machine_id, connected } = machine
    if (connected && c.req.query('force') !== 'true')
      throw new HttpError(409, 'machine_connected', `${described(machine)} is connected.`, {
        remedy:
          'Stop its daemon first. Or use force: its agents keep running, but the hub no longer sees them.',
      })
    const { revoked, shared } = await keys.revoke(machine_id, machines.ids())
    switchboard.dismiss(machine_id)
    commands.abandon(machine_id)
    await Promise.all([agents.forgetAll(machine_id), machines.forget(machine_id)])
    return c.json({ revoked_keys: revoked, shared_keys: shared })
  })
  keyRoutes(app, context)
  enrollmentRoutes(app, context)
  for (const [name, type] of Object.entries(MACHINE_COMMANDS))
    app.post(`/api/machines/:machine_id/${name}`, async (c) => {
      const { machine_id } = lookup.machine(machineIn(c))
      return submit(c, machine_id, parse(Schemas[type], { ...(await command(c)), type }))
    })

  agentRoutes(app, { ...context, lookup, submit, follow })
  auditRoutes(app, context)
  app.get('/api/stream', (c) => hubStream(context, follow(c)))

  app.get('/api/commands/:command_id', (c) => outcome(c, c.req.param('command_id')))

  /** @throws HttpError if there are too many streams */
  function follow(c: Context) {
    const { incoming, outgoing } = overHttp(c)
    return gate.follow(incoming, outgoing)
  }

  /** Adds the machine's usage of its limits. */
  function withUsage(machine: HubMachine): HubMachine {
    const { machine_id } = machine
    return { ...machine, agents: agents.count(machine_id), history_bytes: quotas.historyBytes(machine_id) }
  }

  async function submit(c: Context, machineId: string, parsed: Command, allowed = () => {}) {
    // Reject an invalid `wait` before the command is given, not after.
    waitMs(c)
    const { command_id } = parsed
    const order = { ...parsed, by: callerOf(c)?.name }
    if (!commands.get(command_id)) {
      allowed()
      // Before `ordered`: a refused command is not recorded as an order, only counted.
      commands.check(machineId, order)
      const there = machines.get(machineId)
      await trails.onOrder(c, machineId, parsed)
      // The same command may have arrived in the meantime, or the machine may have been removed.
      if (there) lookup.machine(machineId)
      if (!commands.get(command_id)) allowed()
    }
    const known = commands.get(command_id)
    await trails.confirm(c)
    const taken = await commands.submit(machineId, order)
    if (known) trails.onRepeated(c, taken, parsed)
    else trails.onHandedOver(c)
    return outcome(c, command_id)
  }

  async function outcome(c: Context, commandId: string) {
    const known = await commands.wait(commandId, waitMs(c), c.req.raw.signal)
    if (!known) throw new HttpError(404, 'command_not_found', `Command ${commandId} not found.`)
    return c.json(known, known.state === 'succeeded' ? 200 : known.state === 'failed' ? 422 : 202)
  }

  return app
}

const goesBy = ({ machine_id, name }: HubMachine, wanted: string) => machine_id === wanted || name === wanted

/** Returns the machine id in the path. */
const machineIn = (c: Context) => idFromAddress(c.req.param('machine_id') ?? '')

/** Returns a Host header without its port; an IPv6 address keeps its brackets. */
const hostName = (host: string | undefined) => (host ?? '').replace(/:\d*$/, '')
