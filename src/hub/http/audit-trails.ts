import type { Context, MiddlewareHandler } from 'hono'
import type { Clock } from '../../platform/clock.ts'
import { visible } from '../../platform/visible-text.ts'
import { type Command, type Outcome, Commands as Schemas } from '../../protocol/index.ts'
import { idFromAddress } from '../../protocol/machine-address.ts'
import { type Audit, type Said, UNWRITABLE } from '../audit/audit.ts'
import { Budgets } from '../audit/budgets.ts'
import { Denials } from '../audit/denials.ts'
import { detailsOf } from '../audit/details.ts'
import type { Gate } from '../gate/gate.ts'
import { HttpError, httpErrorOf } from '../http-error.ts'
import type { Sessions } from '../registry/sessions.ts'
import { type Found, paramsOf, routeOf } from './access.ts'
import { callerOf } from './caller.ts'
import { lookAtBody, overHttp } from './request.ts'

/**
 * Fields of commands to omit from `details`: the entry already contains these fields, or they may be secret
 * (`answers`, `signed`).
 */
const OWN = ['type', 'command_id', 'agent_id', 'machine_id', 'by', 'answers', 'signed']
/** Length of a public key, in characters. */
const KEY_CHARS = 52
/** Maximum length of an id from the URL of a request, in characters. */
const NAME_CHARS = 128

/**
 * Limit on the orders of a viewer, who can otherwise push all other entries out of the log: a maximum at once, and
 * one more in each period. A key may have 32 sessions, each with an order for its sign-in link. At this rate, a
 * log of the default size lasts for years.
 */
const ORDERS_OF_VIEWERS = { most: 64, periodMs: 900_000 }

type Order = Found & { order: string }

interface Trail {
  /** Number of the entry with the order. */
  of?: number
  /** Facts known only after the order was carried out. */
  found?: Pick<Said, 'target' | 'details'>
  /** True if the outcome is recorded later, when the machine has answered. */
  handed?: boolean
}

export interface TrailsOptions {
  audit: Audit
  gate: Gate
  sessions: Pick<Sessions, 'accepts'>
  clock: Clock
}

/** Records requests in the audit log. */
export class Trails {
  readonly #audit: Audit
  readonly #gate: Gate
  readonly #trails = new WeakMap<Context, Trail>()
  readonly #denials: Denials
  readonly #sessions: Pick<Sessions, 'accepts'>
  readonly #ofViewers: Budgets
  #turn: Promise<void> = Promise.resolve()

  constructor({ audit, gate, sessions, clock }: TrailsOptions) {
    this.#audit = audit
    this.#gate = gate
    this.#sessions = sessions
    this.#ofViewers = new Budgets({ ...ORDERS_OF_VIEWERS, clock })
    this.#denials = new Denials({ note: (said) => audit.note(said), clock })
  }

  /** Records the outcomes of orders, including orders refused before their body is read. */
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
    // The order was never recorded, so nothing was done.
    else this.#denials.add(said)
  }

  /** Records orders before they are carried out. `ordered` records a command once its machine is known. */
  readonly orders: MiddlewareHandler = async (c, next) => {
    const route = orderOf(c)
    const trail = this.#trails.get(c)
    if (!route || !trail || Object.hasOwn(Schemas, route.order)) return next()
    this.#charge(c)
    const body = route.body && (await lookAtBody(c))
    const details = route.body && body && detailsOf(route.body, body, [])
    trail.of = await this.#audit.order({ ...this.#about(c, route), ...(details && { details }) })
    // Carry out these orders one at a time. If an order revokes a key, the orders of that key that still wait
    // for the disk must fail.
    const deed = this.#turn.then(async () => {
      await this.confirm(c)
      await next()
    })
    this.#turn = deed.catch(() => {})
    await deed
  }

  /**
   * Checks the key and the session again after a request has waited for its body or the disk. Call this
   * method immediately before acting on the request.
   * @throws HttpError if the key was revoked, its role changed, or the session ended in the meantime
   */
  async confirm(c: Context): Promise<void> {
    const caller = callerOf(c)
    if (caller && !(await this.#sessions.accepts(caller)))
      throw new HttpError(401, 'unauthorized', 'This key is no longer accepted or no longer has this role.')
  }

  /** Adds facts to the entry with the outcome. */
  addFacts(c: Context, facts: Pick<Said, 'target' | 'details'>) {
    const trail = this.#trails.get(c)
    if (trail) trail.found = facts
  }

  /** Records a command before it is carried out. @throws HttpError if the command must not be carried out */
  async onOrder(c: Context, machine_id: string, command: Command): Promise<void> {
    const details = detailsOf(Schemas[command.type], command, OWN)
    const key = command.signed?.key.slice(0, KEY_CHARS)
    const trail = this.#trails.get(c)
    const of = await this.#audit.order({
      ...this.#whose(c),
      action: command.type,
      ...namesOf(machine_id, command),
      ...((details || key) && { details: { ...details, ...(key && { signed_by: key }) } }),
    })
    if (trail) trail.of = of
  }

  /** Marks a command as accepted: `settled` will record its outcome. */
  onHandedOver(c: Context) {
    const trail = this.#trails.get(c)
    if (trail) trail.handed = true
  }

  /** Records a repeated command, which is not carried out again. */
  onRepeated(c: Context, { machine_id }: Outcome, command: Command) {
    this.onHandedOver(c)
    const names = namesOf(machine_id, command)
    this.#denials.add({ ...this.#whose(c), action: command.type, ...names, outcome: 'repeated' })
  }

  /** Records the outcome of a command. */
  onSettled({ command_id, machine_id, agent_id, by, state, error }: Outcome, type: string) {
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

  /** Records a request that was denied. */
  onDenied(c: Context, route: Found | undefined, code: string) {
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
   * Records a request without a user key, calls `act`, and records the outcome.
   * @throws HttpError if the request cannot be recorded; any error of `act`
   */
  async recordPublic<T>(
    c: Context,
    about: Pick<Said, 'action' | 'target' | 'details' | 'machine_id'>,
    act: () => Promise<T>,
  ): Promise<T> {
    try {
      this.#charge(c)
    } catch (error) {
      const route = routeOf(c)
      if (route !== 'closed') this.onDenied(c, route, TOO_MANY)
      throw error
    }
    const said = { ...this.#whose(c), ...about }
    const of = await this.#audit.order(said)
    let outcome = outcomeOf(undefined)
    try {
      return await act()
    } catch (error) {
      outcome = outcomeOf(error as Error)
      throw error
    } finally {
      this.#audit.note({ ...said, of, ...outcome })
    }
  }

  /**
   * Counts an order of a viewer. Orders that end something have their own limit, so that a person can sign out
   * after too many sign-ins.
   * @throws HttpError after too many
   */
  #charge(c: Context) {
    const caller = callerOf(c)
    if (caller?.role !== 'viewer') return
    const waitMs = this.#ofViewers.draw(`${caller.key_id} ${c.req.method}`)
    if (waitMs > 0) throw tooManyOrders(caller.name, waitMs)
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

const TOO_MANY = 'too_many_orders'

const tooManyOrders = (name: string, waitMs: number) =>
  new HttpError(
    429,
    TOO_MANY,
    `The key ${visible(name)} has signed in or changed its notifications too often.`,
    { remedy: 'Try again in a few minutes.' },
    Math.ceil(waitMs / 1000),
  )

function outcomeOf(error: Error | undefined): Pick<Said, 'outcome' | 'code'> {
  if (!error) return { outcome: 'succeeded' }
  const fault = httpErrorOf(error)
  if (!fault) return { outcome: 'failed', code: 'internal' }
  // 503 means that nothing was done because there was no room.
  const isRefusal = fault.status < 500 || fault.status === 503
  return { outcome: isRefusal ? 'refused' : 'failed', code: fault.code }
}

const namesOf = (machine_id: string, command: Command) => ({
  machine_id,
  ...('agent_id' in command && { agent_id: command.agent_id }),
  command_id: command.command_id,
})

/** Returns the route of an authorized request that changes something. */
function orderOf(c: Context): Order | undefined {
  const route = routeOf(c)
  const { order } = route === 'closed' || !route || !callerOf(c) ? {} : route
  return order === undefined ? undefined : { ...(route as Found), order }
}

/** Returns the ids in the URL of a request. */
function idsOf(c: Context, route: Found): Pick<Said, 'machine_id' | 'agent_id' | 'target'> {
  const { machine_id = c.req.query('machine_id'), agent_id, ...rest } = paramsOf(c, route)
  const [target] = Object.values(rest)
  const ids = { machine_id: machine_id && idFromAddress(machine_id), agent_id, target }
  return Object.fromEntries(
    Object.entries(ids).flatMap(([name, id]) => (id === undefined ? [] : [[name, id.slice(0, NAME_CHARS)]])),
  )
}
