import { randomUUID } from 'node:crypto'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { isLoopback } from '../config/server-url.ts'
import type { Logger } from '../platform/log.ts'
import { VERSION } from '../platform/version.ts'
import { visible } from '../platform/visible.ts'
import {
  type Command,
  EnrollCheck,
  EnrollRequest,
  EnrolmentRequest,
  type HubMachine,
  Limits,
  type Outcome,
  RenameRequest,
  Commands as Schemas,
  StartRequest,
} from '../protocol/index.ts'
import type { Commands } from './commands.ts'
import type { Enrolments } from './enrolments.ts'
import { Fault } from './fault.ts'
import { page } from './history.ts'
import { isUnused, keyRoutes } from './key-api.ts'
import type { Keys } from './keys.ts'
import { installer, releaseFile } from './releases.ts'
import { eventIdOf, FORM_TYPE, jsonBody, pageLimit, parse, waitMs } from './request.ts'
import { agentStream, hubStream, type StreamContext } from './streams.ts'
import type { Switchboard } from './switchboard.ts'

export interface ApiContext extends StreamContext {
  keys: Keys
  commands: Commands
  switchboard: Switchboard
  enrolments: Enrolments
  /** The folder with releases to install machines from; it need not be there. */
  releases: string
  logger: Logger
  /** The hub is for this machine only. */
  loopback: boolean
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

/** Of a request that anybody can make. */
const OPEN_BODY_BYTES = 4096

/** The HTTP API. Its requests and answers are described by `protocol/hub-api.ts`. */
export function api(context: ApiContext): Hono {
  const { keys, enrolments, releases, agents, machines, commands, switchboard, store, logger, loopback } =
    context
  const app = new Hono()

  app.onError((error, c) => {
    if (error instanceof Fault) return c.json({ error: error.error }, error.status)
    logger.error({ err: error, path: c.req.path }, 'request failed')
    return c.json({ error: { code: 'internal', message: error.message } }, 500)
  })
  app.notFound((c) =>
    c.json({ error: { code: 'not_found', message: `There is no ${c.req.method} ${c.req.path}.` } }, 404),
  )

  app.use(async (c, next) => {
    // A page whose host name was pointed at this machine meanwhile could ask in a browser here.
    if (loopback && !isLoopback(hostName(c.req.header('host'))))
      throw new Fault(403, 'forbidden_host', 'This hub answers under the names of this machine only.', {
        remedy: 'Use http://127.0.0.1 or http://localhost.',
      })
    await next()
    c.header('x-content-type-options', 'nosniff')
  })

  app.get('/health', (c) => {
    const { problem } = store
    return problem
      ? c.json({ ok: false, version: VERSION, error: problem }, 503)
      : c.json({ ok: true, version: VERSION })
  })

  app.get('/install.sh', (c) => installer(c, releases))
  app.get('/releases/*', (c) => releaseFile(c, releases))
  app.post('/enroll', limited(OPEN_BODY_BYTES), async (c) =>
    c.json(
      enrolments.exchange(parse(EnrollRequest, await jsonBody(c, FORM_TYPE)), c.req.header('authorization')),
    ),
  )

  app.post('/enroll/check', limited(OPEN_BODY_BYTES), async (c) =>
    c.json(enrolments.check(parse(EnrollCheck, await jsonBody(c, FORM_TYPE)))),
  )

  app.use('/api/*', async (c, next) => {
    if (keys.accepts('user', c.req.header('authorization'))) return next()
    c.header('www-authenticate', 'Bearer')
    throw new Fault(401, 'unauthorized', "This needs the hub's user key.", {
      remedy: 'Send it as `Authorization: Bearer KEY`.',
    })
  })
  app.use('/api/*', limited(Limits.frame_bytes))

  app.get('/api/machines', (c) =>
    c.json({ machines: machines.all(), enrolled: keys.list().filter(isUnused) }),
  )
  app.patch('/api/machines/:machine_id', async (c) => {
    const { machine_id } = machineOf(c.req.param('machine_id'))
    const { name } = parse(RenameRequest, await jsonBody(c))
    const other = machines.all().find((each) => each.machine_id !== machine_id && goesBy(each, name))
    if (other)
      throw new Fault(409, 'name_taken', `${described(other)} goes by that name.`, {
        path: 'name',
        remedy: 'Choose another, or rename or remove that machine.',
      })
    machines.rename(machine_id, name)
    agents.shownAnew(machine_id)
    return c.json(machineOf(machine_id))
  })
  app.delete('/api/machines/:machine_id', (c) => {
    const id = c.req.param('machine_id')
    // One that was enrolled and has never come.
    if (!machines.get(id) && keys.knows(id))
      return c.json({ revoked_keys: keys.revoke(id, machines.ids()).revoked })
    const machine = machineOf(id)
    const { machine_id, connected } = machine
    if (connected && c.req.query('force') !== 'true')
      throw new Fault(409, 'machine_connected', `${described(machine)} is connected.`, {
        remedy: 'Stop its daemon first, or use force: its agents run on, and nobody hears of them any more.',
      })
    const { revoked, shared } = keys.revoke(machine_id, machines.ids())
    switchboard.dismiss(machine_id)
    commands.abandon(machine_id)
    for (const agentId of agents.of(machine_id)) agents.forget(agentId)
    machines.forget(machine_id)
    return c.json({ revoked_keys: revoked, shared_keys: shared })
  })
  keyRoutes(app, context)
  app.post('/api/enrolments', async (c) =>
    c.json(enrolments.open(parse(EnrolmentRequest, await jsonBody(c))), 201),
  )
  for (const [name, type] of Object.entries(MACHINE_COMMANDS))
    app.post(`/api/machines/:machine_id/${name}`, async (c) => {
      const { machine_id } = machineOf(c.req.param('machine_id'))
      return submit(c, machine_id, parse(Schemas[type], { ...(await command(c)), type }))
    })

  app.get('/api/agents', (c) => c.json({ agents: agents.all() }))
  app.post('/api/agents', async (c) => {
    const request = parse(StartRequest, await command(c))
    const { command_id = randomUUID(), spec } = request
    // Sent again, perhaps without the id that was made for the agent the first time.
    const known = commands.get(command_id)
    const agent_id = request.agent_id ?? known?.agent_id ?? `a-${randomUUID().slice(0, 8)}`
    if (!known && (agents.machineOf(agent_id) ?? commands.startingOn(agent_id)) !== undefined)
      throw new Fault(409, 'agent_exists', `There is an agent ${agent_id} already.`, { path: 'agent_id' })
    const { machine_id } = machineOf(request.machine_id ?? known?.machine_id ?? onlyMachine())
    return submit(c, machine_id, { type: 'agent:start', agent_id, command_id, spec })
  })
  app.get('/api/agents/:agent_id', (c) => c.json(agentOf(c.req.param('agent_id'))))
  for (const name of AGENT_COMMANDS)
    app.post(`/api/agents/:agent_id/${name}`, async (c) => {
      const type = `agent:${name}` as const
      const agent_id = c.req.param('agent_id')
      const parsed = parse(Schemas[type], { ...(await command(c)), type, agent_id })
      const agent = agents.get(agent_id)
      if (name === 'remove' && agent?.gone) {
        agents.forget(agent_id)
        const { command_id } = parsed
        const { machine_id } = agent
        return c.json({ command_id, agent_id, machine_id, state: 'succeeded', result: {} } satisfies Outcome)
      }
      // One that is being started may be told something before its machine has told of it.
      const machineId =
        agents.machineOf(agent_id) ??
        commands.get(parsed.command_id)?.machine_id ??
        commands.startingOn(agent_id)
      if (machineId === undefined) throw noAgent(agent_id)
      return submit(c, machineId, parsed)
    })

  app.get('/api/agents/:agent_id/events', async (c) => {
    const { agent_id } = agentOf(c.req.param('agent_id'))
    return c.json(await page(store.log(agent_id), eventIdOf(c), pageLimit(c)))
  })
  app.get('/api/agents/:agent_id/stream', (c) => {
    const { agent_id } = agentOf(c.req.param('agent_id'))
    return agentStream(context, agent_id, eventIdOf(c))
  })
  app.get('/api/stream', () => hubStream(context))

  app.get('/api/commands/:command_id', (c) => outcome(c, c.req.param('command_id')))

  async function submit(c: Context, machineId: string, parsed: Command) {
    // Before anything is done about it: a wait that cannot be read is no reason to have carried it out.
    waitMs(c)
    await commands.submit(machineId, parsed)
    return outcome(c, parsed.command_id)
  }

  async function outcome(c: Context, commandId: string) {
    const known = await commands.wait(commandId, waitMs(c), c.req.raw.signal)
    if (!known) throw new Fault(404, 'command_not_found', `There is no command ${commandId}.`)
    return c.json(known, known.state === 'succeeded' ? 200 : known.state === 'failed' ? 422 : 202)
  }

  function machineOf(machineId: string) {
    const machine = machines.get(machineId)
    if (!machine) throw new Fault(404, 'machine_not_found', `There is no machine ${machineId}.`)
    return machine
  }

  function agentOf(agentId: string) {
    const agent = agents.get(agentId)
    if (!agent) throw noAgent(agentId)
    return agent
  }

  function onlyMachine() {
    const all = machines.all()
    // One that is away for good should not be in the way of the only one that is there.
    const connected = all.filter((machine) => machine.connected)
    const [machine, other] = connected.length > 0 ? connected : all
    if (!machine)
      throw new Fault(409, 'no_machine', 'No machine has connected yet.', {
        path: 'machine_id',
        remedy: 'Start a daemon that connects to this hub.',
      })
    if (other)
      throw new Fault(409, 'machine_ambiguous', `There are several machines: ${listed(all)}.`, {
        path: 'machine_id',
        remedy: 'Name one (`--machine`).',
      })
    return machine.machine_id
  }

  return app
}

const limited = (maxSize: number) =>
  bodyLimit({
    maxSize,
    onError: () => {
      throw new Fault(413, 'too_large', `A body is at most ${maxSize} bytes.`)
    },
  })

/** A body that gets an id if it has none. */
const command = async (c: Context) => ({ command_id: randomUUID(), ...(await jsonBody(c)) })

const noAgent = (agentId: string) => new Fault(404, 'agent_not_found', `There is no agent ${agentId}.`)

/** Machines are told apart by their ids, whatever they are called. */
const described = ({ machine_id, name, hostname }: HubMachine) =>
  `${visible(name ?? hostname)} (${visible(machine_id)})`

const goesBy = ({ machine_id, name }: HubMachine, wanted: string) => machine_id === wanted || name === wanted

/** Names in an error, at most. */
const LISTED = 10

const listed = (machines: HubMachine[]) =>
  machines.slice(0, LISTED).map(described).join(', ') + (machines.length > LISTED ? ', …' : '')

/** Without the port; IPv6 in brackets. */
const hostName = (host: string | undefined) => (host ?? '').replace(/:\d*$/, '')
