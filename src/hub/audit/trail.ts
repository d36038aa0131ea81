import type { Context, MiddlewareHandler } from 'hono'
import type { Clock } from '../../platform/clock.ts'
import { type Command, type Outcome, Commands as Schemas } from '../../protocol/index.ts'
import { idFromAddress } from '../../protocol/machine-address.ts'
import { type Found, paramsOf, routeOf } from '../access.ts'
import { callerOf } from '../callers.ts'
import { Fault, faultIn } from '../fault.ts'
import type { Gate } from '../gate/gate.ts'
import { lookAtBody, overHttp } from '../request.ts'
import type { UserKeys } from '../user-keys.ts'
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

export interface TrailsOptions {
  audit: Audit
  gate: Gate
  people: Pick<UserKeys, 'accepts'>
  clock: Clock
}

/** What the audit log has of requests. */
export class Trails {
  readonly #audit: Audit
  readonly #gate: Gate
  readonly #trails = new WeakMap<Context, Trail>()
  readonly #denials: Denials
  readonly #people: Pick<UserKeys, 'accepts'>
  #turn: Promise<void> = Promise.resolve()

  constructor({ audit, gate, people, clock }: TrailsOptions) {
    this.#audit = audit
    this.#gate = gate
    this.#people = people
    this.#denials = new Denials((said) => audit.note(said), clock)
  }

  /** Notes what became of orders, also of those that are refused before anything of them is read. */
  readonly outcomes: MiddlewareHandler = async (c, next) => {
    const route = orderOf(c)
    if (!route) return next()
    const trail: Trail = {}
    this.#trails.set(c, trail)
    await this.#audit.room()
    await next()
    const outcome = outcomeOf(c.error)
    if (trail.handed || outcome.code === UNWRITABLE) return
    const said = { ...this.#about(c, route), ...trail.found, ...outcome }
    const { of } = trail
    if (of !== undefined) this.#audit.note({ ...said, of })
    // Nothing was done about it.
    else this.#denials.add(said)
  }

  /** Notes orders before they are carried out, but commands: these when it is known which machine they are for. */
  readonly orders: MiddlewareHandler = async (c, next) => {
    const route = orderOf(c)
    const trail = this.#trails.get(c)
    if (!route || !trail || Object.hasOwn(Schemas, route.order)) return next()
    const body = route.body && (await lookAtBody(c))
    const details = route.body && body && detailsOf(route.body, body, [])
    trail.of = await this.#audit.order({ ...this.#about(c, route), ...(details && { details }) })
    // One after the other: a key that one order takes back gives no other that waited for the disk with it.
    const deed = this.#turn.then(() => {
      this.confirm(c)
      return next()
    })
    this.#turn = deed.catch(() => {})
    await deed
  }

  /**
   * To be asked in the same step in which something is done that had to wait, for its body or for the disk.
   * @throws Fault where the key may have been taken back meanwhile
   */
  confirm(c: Context) {
    const caller = callerOf(c)
    if (caller && !this.#people.accepts(caller))
      throw new Fault(401, 'unauthorized', 'This key is no longer accepted, or no longer has this role.')
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
    const names = namesOf(machine_id, command)
    this.#denials.add({ ...this.#whose(c), action: command.type, ...names, outcome: 'repeated' })
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
    const action = route?.order ?? route?.name ?? 'unknown'
    this.#denials.add({
      ...this.#whose(c),
      action,
      ...(route && idsOf(c, route)),
      outcome: 'refused',
      code,
    })
  }

  /**
   * Takes in a machine, which shows no user key, once that is noted; and notes what became of it.
   * @throws Fault where it cannot be noted, or what `take` throws
   */
  async enrolled<T>(
    c: Context,
    about: Pick<Said, 'target' | 'details' | 'machine_id'>,
    take: () => T,
  ): Promise<T> {
    const said = { ...this.#whose(c), action: 'machine:enroll', ...about }
    const of = await this.#audit.order(said)
    let outcome = outcomeOf(undefined)
    try {
      return take()
    } catch (error) {
      outcome = outcomeOf(error as Error)
      throw error
    } finally {
      this.#audit.note({ ...said, of, ...outcome })
    }
  }

  async close(): Promise<void> {
    this.#denials.flush()
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

function outcomeOf(error: Error | undefined): Pick<Said, 'outcome' | 'code'> {
  if (!error) return { outcome: 'succeeded' }
  const fault = faultIn(error)
  if (!fault) return { outcome: 'failed', code: 'internal' }
  // With 503, nothing of it was done for want of room.
  const isRefusal = fault.status < 500 || fault.status === 503
  return { outcome: isRefusal ? 'refused' : 'failed', code: fault.error.code }
}

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
