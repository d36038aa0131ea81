import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import * as z from 'zod/mini'
import type { HubAddress, Listening } from '../../config/hub.ts'
import { UserError } from '../../platform/errors.ts'
import { textOf } from '../../platform/http.ts'
import { ProxyError, proxyRemedy } from '../../platform/proxy-error.ts'
import { isUntrusted } from '../../platform/unreachable.ts'
import { check } from '../../protocol/check.ts'
import {
  AuditPage,
  CommandError,
  Enrolment,
  type EnrolmentRequest,
  EventPage,
  faultOf,
  HubAgent,
  HubKey,
  HubMachine,
  HubToken,
  type KeyRequest,
  NewKey,
  Outcome,
  type StartRequest,
} from '../../protocol/index.ts'
import { idInAddress } from '../../protocol/machine-address.ts'
import { EXIT } from '../exit-codes.ts'
import { jsonOf } from './answer.ts'
import { bodyOf, send } from './http.ts'
import { type SseMessage, SseParser } from './sse.ts'

/** Maximum time for an answer, in ms, added to the time that the request tells the hub to wait. */
const ANSWER_MS = 15_000
/** Maximum size of a JSON answer, in bytes. The longest is a page of events of up to 32 MiB each. */
const ANSWER_BYTES = 256 * 1024 * 1024

const INSTALLER_BYTES = 1024 * 1024

const Agents = z.object({ agents: z.array(HubAgent) })
const Machines = z.object({
  machines: z.array(HubMachine),
  /** Absent from older hubs. */
  enrolled: z._default(z.array(HubKey), []),
})
const Tokens = z.object({ enrolments: z.array(HubToken) })
const Keys = z.object({ keys: z.array(HubKey) })
const BoundKey = z.extend(HubKey, { revoked_keys: z.int() })
const Failure = z.object({ error: CommandError })
/** Older hubs do not send `shared_keys`, the keys that other machines still use. */
const Removed = z.object({ revoked_keys: z.int(), shared_keys: z.optional(z.int()) })

/** Fields that filter the audit log. */
export type AuditFilter = Partial<
  Record<'by' | 'action' | 'agent_id' | 'machine_id' | 'outcome', string | undefined>
>

interface Request {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  body?: object
  timeoutMs?: number
}

/** The hub's HTTP API, as `protocol/hub-api.ts` describes it. Every method throws UserError. */
export class HubClient {
  readonly url: string
  /** Where the hub listens, if it was found on this machine. */
  readonly listens: Listening | undefined
  readonly #key: string
  readonly #socket: string | undefined
  readonly #owner: number | undefined
  /** Machine of each agent id that a command has resolved. Agents on two machines may have the same id. */
  readonly #machines = new Map<string, string>()

  constructor({ url, key, listens, socket, owner }: HubAddress) {
    this.url = url
    this.listens = listens
    this.#key = key
    this.#socket = socket
    this.#owner = owner
  }

  async machines(): Promise<HubMachine[]> {
    return (await this.machinesAndEnrolled()).machines
  }

  /** Returns the machines, and the keys that no machine has used yet. */
  machinesAndEnrolled(): Promise<z.infer<typeof Machines>> {
    return this.#json('/api/machines', Machines)
  }

  async keys(): Promise<HubKey[]> {
    return (await this.#json('/api/keys', Keys).catch((error) => this.#tooOld(error, 'a list of keys'))).keys
  }

  bindKey(keyId: string, machine_id: string): Promise<z.infer<typeof BoundKey>> {
    const path = `/api/keys/${encodeURIComponent(keyId)}/bind`
    return this.#json(path, BoundKey, { method: 'POST', body: { machine_id } })
  }

  createKey(body: KeyRequest): Promise<NewKey> {
    return this.#json('/api/keys', NewKey, { method: 'POST', body }).catch((error) =>
      this.#tooOld(error, 'keys with a role'),
    )
  }

  rotateKey(keyId: string): Promise<NewKey> {
    const path = `/api/keys/${encodeURIComponent(keyId)}/rotate`
    return this.#json(path, NewKey, { method: 'POST' }).catch((error) =>
      this.#tooOld(error, 'rotation of keys'),
    )
  }

  async revokeKey(keyId: string): Promise<void> {
    await this.#json(`/api/keys/${encodeURIComponent(keyId)}`, Removed, { method: 'DELETE' })
  }

  async agents(): Promise<HubAgent[]> {
    return (await this.#json('/api/agents', Agents)).agents
  }

  /**
   * Returns an agent, and binds later calls with this id to its machine: another machine may later use the
   * same id.
   */
  async agent(agentId: string): Promise<HubAgent> {
    const agent = await this.#json(this.#agentPath(agentId), HubAgent)
    this.#machines.set(agentId, agent.machine_id)
    return agent
  }

  /** Binds later calls with this agent id to a machine. */
  means(agentId: string, machineId: string) {
    this.#machines.set(agentId, machineId)
  }

  moveAgent(agentId: string, machine_id: string, { force }: { force: boolean }): Promise<HubAgent> {
    const path = this.#agentPath(agentId, '/move', force ? { force: 'true' } : {})
    return this.#json(path, HubAgent, { method: 'POST', body: { machine_id } }).catch((error) =>
      this.#tooOld(error, 'moves of agents'),
    )
  }

  #agentPath(agentId: string, rest = '', query: Record<string, string> = {}): string {
    const machine_id = this.#machines.get(agentId)
    const search = String(
      new URLSearchParams({
        ...query,
        ...(machine_id !== undefined && { machine_id: idInAddress(machine_id) }),
      }),
    )
    return `/api/agents/${encodeURIComponent(agentId)}${rest}${search && `?${search}`}`
  }

  /** @param waitS seconds to wait for the outcome; after that the result is `pending` */
  start(request: StartRequest, waitS: number): Promise<Outcome> {
    return this.#command('/api/agents', request, waitS)
  }

  agentCommand(agentId: string, name: string, body: object, waitS: number): Promise<Outcome> {
    return this.#command(this.#agentPath(agentId, `/${name}`), body, waitS)
  }

  machineCommand(machineId: string, name: string, body: object, waitS: number): Promise<Outcome> {
    return this.#command(`/api/machines/${encodeURIComponent(idInAddress(machineId))}/${name}`, body, waitS)
  }

  /** Returns the outcome of a command. @throws UserError if the command failed */
  async outcome(commandId: string, waitS: number): Promise<Outcome> {
    const path = `/api/commands/${encodeURIComponent(commandId)}?wait=${waitS}`
    const outcome = await this.#json(path, Outcome, { timeoutMs: waitS * 1000 + ANSWER_MS })
    if (outcome.state === 'failed') throw refused(outcome.error)
    return outcome
  }

  /** @returns the number of keys revoked, and of keys kept because other machines use them */
  removeMachine(machineId: string, { force }: { force: boolean }): Promise<z.infer<typeof Removed>> {
    const path = `/api/machines/${encodeURIComponent(idInAddress(machineId))}${force ? '?force=true' : ''}`
    return this.#json(path, Removed, { method: 'DELETE' })
  }

  renameMachine(machineId: string, name: string): Promise<HubMachine> {
    const path = `/api/machines/${encodeURIComponent(idInAddress(machineId))}`
    return this.#json(path, HubMachine, { method: 'PATCH', body: { name } }).catch((error) =>
      this.#tooOld(error, 'names for machines'),
    )
  }

  #tooOld(error: unknown, lacking: string): never {
    if (!(error instanceof UserError) || error.code !== 'not_found') throw error
    throw new UserError('hub_too_old', `The hub at ${this.url} is too old: it lacks ${lacking}.`, {
      remedy: 'Update the hub, then try again.',
      exitCode: EXIT.refused,
    })
  }

  /** Returns the entries of the audit log that match `filter`: the newest, or those after `after`. */
  audit(filter: AuditFilter, { after, limit }: { after?: number; limit: number }): Promise<AuditPage> {
    const query = new URLSearchParams({
      limit: String(limit),
      ...(after !== undefined && { after: String(after) }),
    })
    for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, value)
    return this.#json(`/api/audit?${query}`, AuditPage).catch((error) => this.#tooOld(error, 'an audit log'))
  }

  async tokens(): Promise<HubToken[]> {
    const answer = this.#json('/api/enrolments', Tokens).catch((error) =>
      this.#tooOld(error, 'a list of tokens'),
    )
    return (await answer).enrolments
  }

  async cancelToken(tokenId: string): Promise<void> {
    await this.#json(`/api/enrolments/${encodeURIComponent(tokenId)}`, z.object({}), { method: 'DELETE' })
  }

  openEnrolment(request: Partial<EnrolmentRequest>): Promise<Enrolment> {
    return this.#json('/api/enrolments', Enrolment, { method: 'POST', body: request })
  }

  /** Returns the script that installs from the hub's releases; undefined if the hub has none. */
  async installer(): Promise<string | undefined> {
    const signal = AbortSignal.timeout(ANSWER_MS)
    const response = await this.#send('/install.sh', {}, {}, signal)
    if (isOk(response)) return await this.#text(response, INSTALLER_BYTES, signal)
    response.destroy()
    return undefined
  }

  /** Returns one page of an agent's history. */
  events(agentId: string, after?: string): Promise<EventPage> {
    return this.#json(this.#agentPath(agentId, '/events', after === undefined ? {} : { after }), EventPage)
  }

  /** Yields an agent's server-sent events until the connection ends for any reason. */
  async *stream(agentId: string, after: string | undefined, signal: AbortSignal): AsyncGenerator<SseMessage> {
    const response = await this.#send(
      this.#agentPath(agentId, '/stream'),
      {},
      { accept: 'text/event-stream', ...(after !== undefined && { 'last-event-id': after }) },
      signal,
    )
    if (!isOk(response)) throw await this.#failure(response, signal)
    const parser = new SseParser()
    for await (const chunk of bodyOf(response)) yield* this.#messages(parser, chunk)
  }

  #messages(parser: SseParser, chunk: Buffer): SseMessage[] {
    try {
      return parser.push(chunk)
    } catch (error) {
      throw this.#notUnderstood((error as Error).message)
    }
  }

  async #command(path: string, body: object, waitS: number): Promise<Outcome> {
    const outcome = await this.#json(`${path}${path.includes('?') ? '&' : '?'}wait=${waitS}`, Outcome, {
      method: 'POST',
      body: { command_id: randomUUID(), ...body },
      timeoutMs: waitS * 1000 + ANSWER_MS,
    })
    if (outcome.state === 'failed') throw refused(outcome.error)
    return outcome
  }

  async #json<T>(path: string, schema: z.ZodMiniType<T>, request: Request = {}): Promise<T> {
    const signal = AbortSignal.timeout(request.timeoutMs ?? ANSWER_MS)
    const response = await this.#send(path, request, {}, signal)
    // 422 carries the outcome of a failed command, which says why it failed.
    if (!isOk(response) && response.statusCode !== 422) throw await this.#failure(response, signal)
    return this.#fitting(schema, await this.#body(response, signal))
  }

  /** Reads a message of a stream. */
  read<T>(schema: z.ZodMiniType<T>, text: string): T {
    return this.#fitting(schema, jsonOf(text))
  }

  #fitting<T>(schema: z.ZodMiniType<T>, value: unknown): T {
    const parsed = check(schema, value)
    if (parsed.success) return parsed.data
    throw this.#notUnderstood(faultOf(parsed.error).message)
  }

  #notUnderstood(why: string): UserError {
    return new UserError('hub_incompatible', `Cannot read the answer of the hub at ${this.url}: ${why}.`, {
      remedy: 'Check that it is a FomularOS hub of the same version. Restart it after an update.',
    })
  }

  async #send(
    path: string,
    { method = 'GET', body }: Request,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    try {
      return await send(this.url + path, {
        method,
        signal,
        fingerprint256: this.listens?.fingerprint256,
        socket: this.#socket,
        owner: this.#owner,
        headers: {
          authorization: `Bearer ${this.#key}`,
          ...(body && { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body && JSON.stringify(body),
      })
    } catch (error) {
      throw unreachable(this.url, error)
    }
  }

  /** Returns the body as JSON; undefined if it is not JSON. */
  async #body(response: IncomingMessage, signal: AbortSignal): Promise<unknown> {
    return jsonOf(await this.#text(response, ANSWER_BYTES, signal))
  }

  async #text(response: IncomingMessage, most: number, signal: AbortSignal): Promise<string> {
    try {
      return await textOf(response, { most, signal })
    } catch (error) {
      throw unreachable(this.url, error)
    }
  }

  async #failure(response: IncomingMessage, signal: AbortSignal): Promise<UserError> {
    const parsed = check(Failure, await this.#body(response, signal))
    if (response.statusCode === 401 || (response.statusCode === 403 && !parsed.success))
      return new UserError('unauthorized', `The hub at ${this.url} refused the key.`, {
        remedy:
          "Give its user key (user.key in the hub's folder) with --hub-key-file FILE or FOMULAR_HUB_KEY_FILE; the machine key will not work here.",
        exitCode: EXIT.refused,
      })
    if (parsed.success) return refused(parsed.data.error)
    return new UserError('hub_failed', `The hub at ${this.url} answered HTTP ${response.statusCode}.`, {
      remedy: 'Run `fomular-daemon doctor` to check what listens there.',
    })
  }
}

const isOk = ({ statusCode = 0 }: IncomingMessage) => statusCode >= 200 && statusCode < 300

const refused = (error: CommandError | undefined) =>
  new UserError(error?.code ?? 'failed', error?.message ?? 'The command failed.', {
    ...(error?.remedy !== undefined && { remedy: error.remedy }),
    exitCode: EXIT.refused,
  })

function unreachable(url: string, error: unknown): UserError {
  if (error instanceof ProxyError)
    return new UserError('hub_unreachable', `Cannot reach the hub at ${url}: ${error.message}.`, {
      remedy: proxyRemedy(error),
      cause: error,
    })
  if (error instanceof UserError) return error
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const message = cause instanceof Error ? cause.message || cause.name : String(cause)
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined
  const name = cause instanceof Error ? cause.name : ''
  const remedy = isUntrusted(cause)
    ? "Add the certificate authority that signed its certificate to this system's, or set NODE_EXTRA_CA_CERTS to its file."
    : 'Start one with `fomular-daemon up`, or name another with --hub URL.'
  return new UserError(
    'hub_unreachable',
    name === 'TimeoutError'
      ? `The hub at ${url} did not answer in time.`
      : `No hub answers at ${url}${code === 'ECONNREFUSED' ? '' : `: ${message}`}.`,
    { remedy, cause: error },
  )
}
