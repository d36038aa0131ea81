import { randomUUID } from 'node:crypto'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type * as z from 'zod/mini'
import type { Logger } from '../platform/log.ts'
import { VERSION } from '../platform/version.ts'
import {
  type Command,
  type CommandError,
  Limits,
  type Outcome,
  Commands as Schemas,
  StartRequest,
} from '../protocol/index.ts'
import type { Place } from './activity-file.ts'
import type { Commands } from './commands.ts'
import type { Keys } from './keys.ts'
import type { Machines } from './machines.ts'
import type { Registry } from './registry.ts'
import { agentStream, hubStream } from './streams.ts'

/** Seconds a request waits for the outcome of its command: unless it says otherwise, and at most. */
const WAIT_S = { default: 30, most: 300 }
/** Bytes of history read for one page. */
const PAGE_BYTES = 256 * 1024

export interface ApiContext {
  keys: Keys
  registry: Registry
  commands: Commands
  machines: Machines
  logger: Logger
}

const AGENT_COMMANDS = [
  'prompt',
  'interrupt',
  'permission',
  'answer',
  'configure',
  'stop',
  'resume',
  'remove',
] as const
const MACHINE_COMMANDS = {
  check: 'machine:check',
  restart: 'daemon:restart',
  update: 'daemon:update',
} as const

/** The HTTP API. Its requests and answers are described by `protocol/hub-api.ts`. */
export function api(context: ApiContext) {
  const { keys, registry, commands, machines, logger } = context
  const offset = (agentId: string) => machines.activity.have(agentId)
  const app = new Hono()

  app.onError((error, c) => {
    if (error instanceof ApiError) return c.json({ error: error.error }, error.status)
    if (error instanceof HTTPException)
      return c.json({ error: { code: 'invalid', message: error.message } }, error.status)
    logger.error({ err: error, path: c.req.path }, 'request failed')
    return c.json({ error: { code: 'internal', message: error.message } }, 500)
  })
  app.notFound((c) =>
    c.json({ error: { code: 'not_found', message: `There is no ${c.req.method} ${c.req.path}.` } }, 404),
  )

  app.get('/health', (c) => c.json({ ok: true, version: VERSION }))

  app.use('/api/*', async (c, next) => {
    if (!keys.accepts(c.req.header('authorization'), 'user'))
      throw new ApiError(401, 'unauthorized', "This needs the hub's user key.", {
        remedy: 'Send it as `Authorization: Bearer KEY`.',
      })
    await next()
  })
  app.use(
    '/api/*',
    bodyLimit({
      maxSize: Limits.frame_bytes,
      onError: () => {
        throw new ApiError(413, 'too_large', `A body is at most ${Limits.frame_bytes} bytes.`)
      },
    }),
  )

  app.get('/api/machines', (c) => c.json({ machines: registry.machines() }))
  app.delete('/api/machines/:machine_id', (c) => {
    const machine = machineOf(c.req.param('machine_id'))
    if (machine.connected)
      throw new ApiError(409, 'machine_connected', `${machine.hostname} is connected.`, {
        remedy: 'Stop its daemon first.',
      })
    commands.drop(machine.machine_id)
    registry.removeMachine(machine.machine_id)
    return c.json({})
  })
  for (const [name, type] of Object.entries(MACHINE_COMMANDS))
    app.post(`/api/machines/:machine_id/${name}`, async (c) => {
      const { machine_id } = machineOf(c.req.param('machine_id'))
      return give(c, machine_id, parse(Schemas[type], { ...(await body(c)), type }))
    })

  app.get('/api/agents', (c) => c.json({ agents: registry.agents(offset) }))
  app.post('/api/agents', async (c) => {
    const request = parse(StartRequest, await body(c))
    const { machine_id = onlyMachine(), agent_id = `a-${randomUUID().slice(0, 8)}`, command_id } = request
    machineOf(machine_id)
    const known = command_id !== undefined && commands.outcome(command_id)
    if (known) return outcome(c, known.command_id)
    if (registry.machineOf(agent_id) !== undefined)
      throw new ApiError(409, 'agent_exists', `There is an agent ${agent_id} already.`, { path: 'agent_id' })
    return give(c, machine_id, {
      type: 'agent:start',
      agent_id,
      command_id: command_id ?? randomUUID(),
      spec: request.spec,
    })
  })
  app.get('/api/agents/:agent_id', (c) => c.json(agentOf(c.req.param('agent_id'))))
  for (const name of AGENT_COMMANDS)
    app.post(`/api/agents/:agent_id/${name}`, async (c) => {
      const { agent_id, machine_id, gone } = agentOf(c.req.param('agent_id'))
      const type = `agent:${name}` as const
      const command = parse(Schemas[type], { ...(await body(c)), type, agent_id })
      if (gone && name === 'remove') {
        await machines.removeAgent(agent_id)
        return c.json({
          command_id: command.command_id,
          agent_id,
          machine_id,
          state: 'succeeded',
          result: {},
        } satisfies Outcome)
      }
      return give(c, machine_id, command)
    })

  app.get('/api/agents/:agent_id/events', (c) => {
    const { agent_id } = agentOf(c.req.param('agent_id'))
    const place = placeOf(c.req.query('after'))
    const file = machines.activity.file(agent_id)
    const { events, position } = file.read(place, PAGE_BYTES)
    const last = events.at(-1)
    const more = position < file.size
    return c.json({ events, ...(more && last && { next: idOf(last) }) })
  })
  app.get('/api/agents/:agent_id/stream', (c) => {
    const { agent_id } = agentOf(c.req.param('agent_id'))
    const after = c.req.header('last-event-id') ?? c.req.query('after')
    return agentStream(c, { agentId: agent_id, after: placeOf(after), registry, activity: machines.activity })
  })
  app.get('/api/stream', (c) => hubStream(c, { registry, offset }))

  app.get('/api/commands/:command_id', (c) => {
    const known = commands.outcome(c.req.param('command_id'))
    if (!known) throw new ApiError(404, 'command_not_found', 'There is no such command.')
    return outcome(c, known.command_id)
  })

  async function give(c: Context, machineId: string, command: Command) {
    await machines.give(machineId, command)
    return outcome(c, command.command_id)
  }

  async function outcome(c: Context, commandId: string) {
    await commands.wait(commandId, waitMs(c))
    const known = commands.outcome(commandId)
    if (!known) throw new ApiError(410, 'machine_removed', 'The machine was forgotten before it answered.')
    return c.json(known, known.state === 'succeeded' ? 200 : known.state === 'failed' ? 422 : 202)
  }

  function machineOf(machineId: string) {
    const machine = registry.machine(machineId)
    if (!machine) throw new ApiError(404, 'machine_not_found', `There is no machine ${machineId}.`)
    return machine
  }

  function agentOf(agentId: string) {
    const agent = registry.agent(agentId, offset)
    if (!agent) throw new ApiError(404, 'agent_not_found', `There is no agent ${agentId}.`)
    return agent
  }

  function onlyMachine() {
    const connected = registry.machines().filter((machine) => machine.connected)
    if (connected.length === 1) return connected[0]!.machine_id
    throw new ApiError(
      409,
      connected.length === 0 ? 'no_machine' : 'machine_ambiguous',
      connected.length === 0 ? 'No machine is connected.' : `${connected.length} machines are connected.`,
      {
        path: 'machine_id',
        remedy: connected.length === 0 ? 'Start a daemon that connects to this hub.' : 'Name one.',
      },
    )
  }

  return app
}

class ApiError extends Error {
  readonly status: ContentfulStatusCode
  readonly error: CommandError

  constructor(status: ContentfulStatusCode, code: string, message: string, rest: Partial<CommandError> = {}) {
    super(message)
    this.status = status
    this.error = { code, message, ...rest }
  }
}

/** A command's fields may be left out as far as they have defaults; it gets an id if it has none. */
async function body(c: Context): Promise<Record<string, unknown>> {
  const text = await c.req.text()
  let json: unknown
  try {
    json = text === '' ? {} : JSON.parse(text)
  } catch (error) {
    throw new ApiError(400, 'not_json', `The body is not JSON: ${(error as Error).message}`)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new ApiError(400, 'invalid', 'The body must be a JSON object.')
  return { command_id: randomUUID(), ...json }
}

function parse<S extends z.ZodMiniType>(schema: S, value: unknown): z.infer<S> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const path = issue?.path.join('.') ?? ''
  throw new ApiError(400, 'invalid', `${path ? `${path}: ` : ''}${issue?.message}`, path ? { path } : {})
}

const idOf = ({ offset, index }: Place) => `${offset}.${index}`

function placeOf(id: string | undefined): Place {
  if (id === undefined || id === '') return { offset: -1, index: 0 }
  const [, offset, index] = /^(\d{1,16})\.(\d{1,9})$/.exec(id) ?? []
  if (offset === undefined)
    throw new ApiError(400, 'invalid', `"${id}" is not an event's id.`, { path: 'after' })
  return { offset: Number(offset), index: Number(index) }
}

function waitMs(c: Context): number {
  const asked = Number(c.req.query('wait') ?? WAIT_S.default)
  if (!Number.isFinite(asked) || asked < 0)
    throw new ApiError(400, 'invalid', 'wait: must be seconds.', { path: 'wait' })
  return Math.min(asked, WAIT_S.most) * 1000
}
