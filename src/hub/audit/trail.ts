import type { Context, MiddlewareHandler } from 'hono'
import { type Command, type Outcome, Commands as Schemas } from '../../protocol/index.ts'
import { idFromAddress } from '../../protocol/machine-address.ts'
import { type Found, paramsOf, routeOf } from '../access.ts'
import { callerOf } from '../callers.ts'
import { Fault } from '../fault.ts'
import type { Gate } from '../gate/gate.ts'
import { lookAtBody, overHttp } from '../request.ts'
import { type Audit, type Said, UNWRITABLE } from './audit.ts'
import { Denials } from './denials.ts'
import { detailsOf } from './details.ts'

/** Fields of commands that an entry has by itself, or for its `request_id`. */
const OWN = ['type', 'command_id', 'agent_id', 'machine_id', 'by', 'answers']
/** Longest name in an entry that a request has made up, in characters. */
const NAME_CHARS = 128

type Order = Found & { order: string }

interface Trail {
  /** The entry with the order. */
  of?: number
  /** What is known of it only once it is carried out. */
  found?: Pick<Said, 'target' | 'details'>
  /** The outcome is noted when the machine has answered. */
  handed?: boolean
}

/** What the audit log has of requests. */
export class Trails {
  readonly #audit: Audit
  readonly #gate: Gate
  readonly #trails = new WeakMap<Context, Trail>()
  /** Of those who have shown a key that is accepted, and of strangers. */
  readonly #denials: Record<'known' | 'strangers', Denials>

  constructor({
    audit,
    gate,
    clock,
  }: { audit: Audit; gate: Gate; clock: ConstructorParameters<typeof Denials>[1] }) {
    this.#audit = audit
    this.#gate = gate
    const note = (said: Said) => audit.note(said)
    this.#denials = { known: new Denials(note, clock), strangers: new Denials(note, clock) }
  }

  /** Notes what became of orders, also of those that are refused before anything of them is read. */
  readonly outcomes: MiddlewareHandler = async (c, next) => {
    const route = orderOf(c)
    if (!route) return next()
    const trail: Trail = {}
    this.#trails.set(c, trail)
    await this.#audit.room()
    await next()
    const code = codeOf(c.error)
    if (trail.handed || code === UNWRITABLE) return
    this.#audit.note({
      ...this.#about(c, route),
      ...trail.found,
      ...(trail.of !== undefined && { of: trail.of }),
      outcome: code === undefined ? 'succeeded' : isRefusal(c.res.status) ? 'refused' : 'failed',
      ...(code !== undefined && { code }),
    })
  }

  /** Notes orders before they are carried out, but commands: these when it is known which machine they are for. */
  readonly orders: MiddlewareHandler = async (c, next) => {
    const route = orderOf(c)
    const trail = this.#trails.get(c)
    if (!route || !trail || Object.hasOwn(Schemas, route.order)) return next()
    const body = route.body && (await lookAtBody(c))
    const details = route.body && body && detailsOf(route.body, body, [])
    trail.of = await this.#audit.order({ ...this.#about(c, route), ...(details && { details }) })
    await next()
  }

  /** Adds to the entry with the outcome. */
  found(c: Context, facts: Pick<Said, 'target' | 'details'>) {
    const trail = this.#trails.get(c)
    if (trail) trail.found = facts
  }

  /** Notes a command before it is carried out. @throws Fault where it is not to be */
  async ordered(c: Context, machine_id: string, command: Command): Promise<void> {
    const details = detailsOf(Schemas[command.type], command, OWN)
    const trail = this.#trails.get(c)
    const of = await this.#audit.order({
      ...this.#whose(c),
      action: command.type,
      ...namesOf(machine_id, command),
      ...(details && { details }),
    })
    if (trail) trail.of = of
  }

  /** The command was taken: its outcome is noted by `settled`. */
  handed(c: Context) {
    const trail = this.#trails.get(c)
    if (trail) trail.handed = true
  }

  /** Notes a command that had been given before, and is not carried out again. */
  repeated(c: Context, { machine_id }: Outcome, command: Command) {
    this.handed(c)
    this.#audit.note({
      ...this.#whose(c),
      action: command.type,
      ...namesOf(machine_id, command),
      outcome: 'repeated',
    })
  }

  /** Notes what became of a command. */
  settled({ command_id, machine_id, agent_id, by, state, error }: Outcome, type: string) {
    this.#audit.note({
      ...(by !== undefined && { by }),
      action: type,
      machine_id,
      ...(agent_id !== undefined && { agent_id }),
      command_id,
      outcome: state,
      ...(error && { code: error.code }),
    })
  }

  /** Notes a request that was not let through. */
  denied(c: Context, route: Found | undefined, code: string) {
    const who = this.#whose(c)
    const action = route?.order ?? route?.name ?? 'unknown'
    const denials = this.#denials[who.by === undefined ? 'strangers' : 'known']
    denials.add({ ...who, action, ...(route && idsOf(c, route)), outcome: 'refused', code })
  }

  /** Notes what a machine has done that shows no user key. */
  enrolled(c: Context, rest: Pick<Said, 'target' | 'details' | 'machine_id'>) {
    this.#audit.note({ ...this.#whose(c), action: 'machine:enroll', ...rest, outcome: 'succeeded' })
  }

  async close(): Promise<void> {
    for (const denials of Object.values(this.#denials)) denials.flush()
    await this.#audit.close()
  }

  #about(c: Context, route: Order) {
    return { ...this.#whose(c), action: route.order, ...idsOf(c, route) }
  }

  #whose(c: Context): Pick<Said, 'by' | 'key_id' | 'role' | 'from'> {
    const caller = callerOf(c)
    return {
      ...(caller && { by: caller.name, key_id: caller.key_id, role: caller.role }),
      from: this.#gate.addressOf(overHttp(c).incoming),
    }
  }
}

const codeOf = (error: Error | undefined) => error && (error instanceof Fault ? error.error.code : 'internal')

/** With 503, nothing of it was done for want of room. */
const isRefusal = (status: number) => status < 500 || status === 503

const namesOf = (machine_id: string, command: Command) => ({
  machine_id,
  ...('agent_id' in command && { agent_id: command.agent_id }),
  command_id: command.command_id,
})

/** The route of a request that orders something, by somebody who may. */
function orderOf(c: Context): Order | undefined {
  const route = routeOf(c)
  const { order } = route === 'closed' || !route || !callerOf(c) ? {} : route
  return order === undefined ? undefined : { ...(route as Found), order }
}

/** What a request names in its address. */
function idsOf(c: Context, route: Found): Pick<Said, 'machine_id' | 'agent_id' | 'target'> {
  const { machine_id = c.req.query('machine_id'), agent_id, key_id, token_id } = paramsOf(c, route)
  const ids = { machine_id: machine_id && idFromAddress(machine_id), agent_id, target: key_id ?? token_id }
  return Object.fromEntries(
    Object.entries(ids).flatMap(([name, id]) => (id === undefined ? [] : [[name, id.slice(0, NAME_CHARS)]])),
  )
}
