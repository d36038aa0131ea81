import { type FleetChange, followFleet } from '../../../client/follow-fleet.ts'
import type { HubClient } from '../../../client/hub-client.ts'
import { isSame } from '../../../client/same-request.ts'
import { withUnlisted } from '../../../client/unlisted-requests.ts'
import { wholeRequest } from '../../../client/whole-request.ts'
import { UserError } from '../../../platform/errors.ts'
import { EXIT } from '../../../platform/exit-codes.ts'
import type { PermissionRequest } from '../../../protocol/index.ts'
import { noteBeside } from '../../prompt.ts'
import { clean } from '../../render/clean.ts'
import { askerText, awayText, countOf, waitingTable, workingTable } from '../../render/desk.ts'
import { note, print, stdoutColors, stdoutWidth } from '../../terminal.ts'
import { ANSWERED, AWAY, askUser, CHANGED, type Ended } from '../ask-user.ts'
import { QUIT } from '../leave.ts'
import { whyUnanswerable } from '../why-unanswerable.ts'
import { Arrival } from './arrival.ts'
import { askIdle } from './idle.ts'
import { openStream } from './open-stream.ts'
import { type Waiting, WaitingRequests } from './waiting.ts'

/** Time without a change after which an older hub has sent all agents, in ms. */
const QUIET_MS = 300

export interface DeskOptions {
  /** Machine whose agents are shown; by default, all machines. */
  machineId: string | undefined
}

interface Asked extends Waiting {
  request: PermissionRequest
}

/** Shows everything that waits for a person, and asks for answers, until the person leaves. */
export class Desk {
  readonly #client: HubClient
  readonly #requests: WaitingRequests
  readonly #over = new AbortController()
  readonly #interrupt = () => this.#over.abort()
  /** Requests that were answered here. The hub may still list them for a moment. */
  readonly #answered = new Set<string>()
  /** Requests that the person does not want to answer now, and requests that could not be answered. */
  readonly #skipped = new Set<string>()
  /** Requests that could not be answered because the hub could not be reached. */
  readonly #unreached = new Set<string>()
  /** Aborts the question on the screen. */
  #asking: { shown: Asked | undefined; gone: AbortController; reworded?: () => void } | undefined
  readonly #arrival = new Arrival({ quietMs: QUIET_MS, onComplete: () => this.#complete() })
  #problem: Error | undefined
  /** True while an agent's activity is on the screen. It reports lost connections itself. */
  #isStreaming = false
  #begin = () => {}
  readonly #begun = new Promise<void>((resolve) => {
    this.#begin = resolve
  })

  constructor(client: HubClient, { machineId }: DeskOptions) {
    this.#client = client
    this.#requests = new WaitingRequests(machineId)
  }

  /**
   * Returns when the person leaves. @returns true if the person pressed Ctrl-C
   * @throws UserError if the hub refuses the stream, or cannot be reached at first
   */
  async run(): Promise<boolean> {
    const { signal } = this.#over
    process.on('SIGINT', this.#interrupt)
    const following = this.#follow().finally(this.#interrupt)
    try {
      await Promise.race([this.#begun, following])
      if (!signal.aborted) this.#list()
      while (!signal.aborted) await this.#next()
    } finally {
      this.#over.abort()
      this.#arrival.close()
      process.off('SIGINT', this.#interrupt)
    }
    await following
    return signal.reason !== QUIT
  }

  async #follow() {
    const { signal } = this.#over
    signal.addEventListener('abort', () => this.#asking?.gone.abort())
    const connection = (problem: Error | undefined) => this.#connection(problem)
    for await (const change of followFleet(this.#client, { signal, connection })) this.#take(change)
  }

  #take(change: FleetChange) {
    const { isComplete } = this.#arrival
    this.#requests.apply(change)
    this.#arrival.take(change)
    if (isComplete && this.#arrival.isComplete) this.#changed()
  }

  #complete() {
    this.#requests.complete()
    this.#begin()
    this.#changed()
  }

  /** Ends the question on the screen if it was answered elsewhere, or if something waits now. */
  #changed() {
    const all = this.#requests.all()
    this.#forgetSettled([...all, ...this.#requests.away()])
    const asking = this.#asking
    if (!asking) return
    const { shown, gone, reworded } = asking
    if (!shown) {
      if (this.#due().length > 0) gone.abort()
      else reworded?.()
      return
    }
    const now = all.filter(({ agent }) => isAgent(agent, shown.agent))
    // The status may leave out the request.
    if (now.some(({ request }) => !request || isSame(request, shown.request))) return
    const isChanged = now.some(({ request }) => request?.request_id === shown.request.request_id)
    const isAway = this.#requests.away().some(({ agent }) => isAgent(agent, shown.agent))
    gone.abort(isChanged ? CHANGED : isAway ? AWAY : ANSWERED)
  }

  #forgetSettled(waiting: Waiting[]) {
    // A request that is not listed now may be listed later.
    if (waiting.some(({ request }) => !request)) return
    const keys = new Set(waiting.map(({ key }) => key))
    for (const set of [this.#answered, this.#skipped, this.#unreached])
      for (const key of set) if (!keys.has(key)) set.delete(key)
  }

  #connection(problem: Error | undefined) {
    this.#problem = problem
    if (!problem) this.#unreached.clear()
    if (this.#asking?.reworded) this.#asking.reworded()
    else if (!this.#isStreaming)
      noteBeside(
        clean(
          problem
            ? `  Lost the connection to the hub (${problem.message}) Reconnecting…`
            : '  Connected again.',
        ),
      )
  }

  /** Returns the requests to ask about, the longest waiting first. */
  #due(): Waiting[] {
    const notDue = [this.#answered, this.#skipped, this.#unreached]
    return this.#requests.all().filter(({ key }) => !notDue.some((set) => set.has(key)))
  }

  /** Returns the requests that still wait, and that the person is not asked about. */
  #left(): Waiting[] {
    return this.#requests.all().filter(({ key }) => this.#skipped.has(key) || this.#unreached.has(key))
  }

  async #next(): Promise<void> {
    const gone = new AbortController()
    const [next, ...more] = this.#due()
    this.#asking = { shown: next && isAsked(next) ? next : undefined, gone }
    try {
      if (!next) await this.#idle(gone.signal)
      else if (isAsked(next)) await this.#onEnd(next, await this.#ask(next, countOf(more), gone.signal))
      else await this.#lookFor(next)
    } catch (error) {
      if (!next) throw error
      const isUnreached = sayError(error).code === 'hub_unreachable'
      if (isUnreached) this.#unreached.add(next.key)
      else this.#skipped.add(next.key)
    } finally {
      this.#asking = undefined
    }
  }

  /** Finds the requests that an agent's status leaves out. @throws UserError if there are others */
  async #lookFor({ agent: { agent_id, machine_id } }: Waiting): Promise<void> {
    this.#client.means(agent_id, machine_id)
    const { signal } = this.#over
    const agent = await withUnlisted(this.#client, await this.#client.agent(agent_id), { signal })
    if (signal.aborted) return
    this.#requests.apply({ type: 'agent', agent })
    const left = agent.pending_omitted
    if (left === undefined) return
    throw new UserError(
      'request_not_listed',
      `${agent_id} has ${count(left, 'request that was', 'requests that were')} not found: the hub does not list ${left === 1 ? 'it' : 'them'}, and the latest activity does not contain ${left === 1 ? 'it' : 'them'}.`,
      {
        remedy: `To make the agent ask again, end its turn: fomular-daemon agent interrupt ${agent_id}`,
        exitCode: EXIT.refused,
      },
    )
  }

  async #ask({ agent, request }: Asked, more: number, signal: AbortSignal): Promise<Ended> {
    print(`\n${askerText(agent, more, Date.now(), stdoutColors(), stdoutWidth())}`)
    this.#client.means(agent.agent_id, agent.machine_id)
    const whole = await wholeRequest(this.#client, agent.agent_id, request, { signal })
    if (signal.aborted) return 'withdrawn'
    const fault = whyUnanswerable(agent.agent_id, whole, 'Open the desk again later.')
    if (fault) throw fault
    return askUser(this.#client, agent.agent_id, whole, { signal, over: this.#over, mayLeave: true })
  }

  async #onEnd({ key, agent }: Waiting, how: Ended): Promise<void> {
    if (how === 'answered') this.#answered.add(key)
    else if (how === 'skip' || how === 'postponed') this.#skipped.add(key)
    else if (how === 'list') this.#list()
    else if (how === 'open') await this.#open(agent)
    else if (how === QUIT) this.#over.abort(QUIT)
  }

  async #idle(signal: AbortSignal): Promise<void> {
    const state = () => ({
      working: this.#requests.working(),
      skipped: countOf(this.#left()),
      away: awayText(this.#requests.away()),
      isLost: this.#problem !== undefined,
    })
    const typed = await askIdle(state, {
      signal,
      over: this.#over,
      onOpen: (reworded) => {
        if (this.#asking) this.#asking.reworded = reworded
      },
    })
    if (typed === undefined) return
    if (typed === '' && this.#left().length > 0) this.#askAgain()
    else if (/^(\/?l(ist)?)?$/i.test(typed)) this.#list()
    else if (/^\/?q(uit)?$/i.test(typed)) this.#over.abort(QUIT)
    else await this.#openCalled(typed)
  }

  #askAgain() {
    this.#skipped.clear()
    this.#unreached.clear()
  }

  async #openCalled(typed: string): Promise<void> {
    const [agent, other] = this.#requests.called(typed)
    if (agent && !other) return this.#open(agent)
    const what = agent ? 'Several agents have an id that begins with this.' : 'No agent has this id.'
    note(`  ${what} Type another id, or press Enter for the list.`)
  }

  async #open(agent: { agent_id: string; machine_id: string }): Promise<void> {
    // Ctrl-C ends only the stream.
    process.off('SIGINT', this.#interrupt)
    this.#asking = undefined
    this.#isStreaming = true
    try {
      await openStream(this.#client, agent)
    } catch (error) {
      sayError(error)
    } finally {
      this.#isStreaming = false
      process.on('SIGINT', this.#interrupt)
    }
  }

  #list() {
    const waiting = this.#requests.all().filter(({ key }) => !this.#answered.has(key))
    const away = this.#requests.away()
    const working = this.#requests.working()
    const [now, colors, width] = [Date.now(), stdoutColors(), stdoutWidth()]
    const table = (rows: Waiting[]) => waitingTable(rows, now, colors, width)
    if (waiting.length > 0)
      print(`${count(countOf(waiting), 'request waits', 'requests wait')} for you:\n${table(waiting)}`)
    if (away.length > 0) print(`${awayText(away)}\n${table(away)}`)
    if (waiting.length + away.length === 0 && working.length > 0)
      print(`Working:\n${workingTable(working, now, colors, width)}`)
  }
}

/** Prints a foreseen error. @throws any other error */
function sayError(error: unknown): UserError {
  if (!(error instanceof UserError)) throw error
  note(clean(`  ${error.message} ${error.remedy ?? ''}`.trimEnd()))
  return error
}

const count = (number: number, one: string, several: string) => `${number} ${number === 1 ? one : several}`

const isAsked = (waiting: Waiting): waiting is Asked => waiting.request !== undefined

const isAgent = (
  one: { agent_id: string; machine_id: string },
  other: { agent_id: string; machine_id: string },
) => one.agent_id === other.agent_id && one.machine_id === other.machine_id
