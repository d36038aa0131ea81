import { randomUUID } from 'node:crypto'
import * as z from 'zod/mini'
import { UserError } from '../../platform/errors.ts'
import { isUntrusted } from '../../platform/unreachable.ts'
import {
  CommandError,
  Enrolment,
  type EnrolmentRequest,
  EventPage,
  HubAgent,
  HubMachine,
  Outcome,
  type StartRequest,
} from '../../protocol/index.ts'
import { EXIT } from '../exit-codes.ts'
import { type SseMessage, SseParser } from './sse.ts'

/** How long the hub may take to answer, beside what it was asked to wait. */
const ANSWER_MS = 15_000

const Agents = z.object({ agents: z.array(HubAgent) })
const Machines = z.object({ machines: z.array(HubMachine) })
const Failure = z.object({ error: CommandError })
const Removed = z.object({ revoked_keys: z.int() })

interface Request {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  body?: object
  timeoutMs?: number
}

/** The hub's HTTP API, as `protocol/hub-api.ts` describes it. Every method throws UserError. */
export class HubClient {
  readonly url: string
  readonly #key: string

  constructor({ url, key }: { url: string; key: string }) {
    this.url = url
    this.#key = key
  }

  async machines(): Promise<HubMachine[]> {
    return (await this.#json('/api/machines', Machines)).machines
  }

  async agents(): Promise<HubAgent[]> {
    return (await this.#json('/api/agents', Agents)).agents
  }

  agent(agentId: string): Promise<HubAgent> {
    return this.#json(`/api/agents/${encodeURIComponent(agentId)}`, HubAgent)
  }

  /** @param waitS seconds to wait for the outcome; a pending one is returned as such */
  start(request: StartRequest, waitS: number): Promise<Outcome> {
    return this.#command('/api/agents', request, waitS)
  }

  agentCommand(agentId: string, name: string, body: object, waitS: number): Promise<Outcome> {
    return this.#command(`/api/agents/${encodeURIComponent(agentId)}/${name}`, body, waitS)
  }

  machineCommand(machineId: string, name: string, body: object, waitS: number): Promise<Outcome> {
    return this.#command(`/api/machines/${encodeURIComponent(machineId)}/${name}`, body, waitS)
  }

  /** What became of a command; a failed one is thrown. */
  async outcome(commandId: string, waitS: number): Promise<Outcome> {
    const path = `/api/commands/${encodeURIComponent(commandId)}?wait=${waitS}`
    const outcome = await this.#json(path, Outcome, { timeoutMs: waitS * 1000 + ANSWER_MS })
    if (outcome.state === 'failed') throw refused(outcome.error)
    return outcome
  }

  /** @returns how many keys are no longer accepted */
  async removeMachine(machineId: string, { force }: { force: boolean }): Promise<number> {
    const path = `/api/machines/${encodeURIComponent(machineId)}${force ? '?force=true' : ''}`
    return (await this.#json(path, Removed, { method: 'DELETE' })).revoked_keys
  }

  renameMachine(machineId: string, name: string): Promise<HubMachine> {
    const path = `/api/machines/${encodeURIComponent(machineId)}`
    return this.#json(path, HubMachine, { method: 'PATCH', body: { name } }).catch((error) => {
      if (!(error instanceof UserError) || error.code !== 'not_found') throw error
      throw new UserError(
        'hub_too_old',
        `The hub at ${this.url} is of a version without names for machines.`,
        {
          remedy: 'Update the hub, then try again.',
          exitCode: EXIT.refused,
        },
      )
    })
  }

  openEnrolment(request: Partial<EnrolmentRequest>): Promise<Enrolment> {
    return this.#json('/api/enrolments', Enrolment, { method: 'POST', body: request })
  }

  /** Whether the hub has releases that a machine can be installed from. */
  async hasInstaller(): Promise<boolean> {
    return (await this.#fetch('/install.sh', {}, {}, AbortSignal.timeout(ANSWER_MS))).ok
  }

  /** One page of an agent's history. */
  events(agentId: string, after?: string): Promise<EventPage> {
    const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`
    return this.#json(`/api/agents/${encodeURIComponent(agentId)}/events${query}`, EventPage)
  }

  /** An agent's server-sent events until the connection ends, for whatever reason. */
  async *stream(agentId: string, after: string | undefined, signal: AbortSignal): AsyncGenerator<SseMessage> {
    const response = await this.#fetch(
      `/api/agents/${encodeURIComponent(agentId)}/stream`,
      {},
      { accept: 'text/event-stream', ...(after !== undefined && { 'last-event-id': after }) },
      signal,
    )
    if (!response.ok) throw await this.#failure(response)
    const parser = new SseParser()
    for await (const chunk of response.body ?? []) yield* parser.push(chunk as Uint8Array)
  }

  async #command(path: string, body: object, waitS: number): Promise<Outcome> {
    const outcome = await this.#json(`${path}?wait=${waitS}`, Outcome, {
      method: 'POST',
      body: { command_id: randomUUID(), ...body },
      timeoutMs: waitS * 1000 + ANSWER_MS,
    })
    if (outcome.state === 'failed') throw refused(outcome.error)
    return outcome
  }

  async #json<T>(path: string, schema: z.ZodMiniType<T>, request: Request = {}): Promise<T> {
    const signal = AbortSignal.timeout(request.timeoutMs ?? ANSWER_MS)
    const response = await this.#fetch(path, request, {}, signal)
    // A command that failed: its outcome says why.
    if (!response.ok && response.status !== 422) throw await this.#failure(response)
    const parsed = schema.safeParse(await body(response))
    if (parsed.success) return parsed.data
    const issue = parsed.error.issues[0]
    throw new UserError(
      'hub_incompatible',
      `The answer of the hub at ${this.url} is not understood (${issue?.path.join('.')}: ${issue?.message}).`,
      { remedy: 'Is it a FomularOS hub of the same version? Restart it after an update.' },
    )
  }

  async #fetch(
    path: string,
    { method = 'GET', body }: Request,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Response> {
    try {
      return await fetch(this.url + path, {
        method,
        signal,
        redirect: 'error',
        headers: {
          authorization: `Bearer ${this.#key}`,
          ...(body && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body && { body: JSON.stringify(body) }),
      })
    } catch (error) {
      throw unreachable(this.url, error)
    }
  }

  async #failure(response: Response): Promise<UserError> {
    const parsed = Failure.safeParse(await body(response))
    if (response.status === 401 || response.status === 403)
      return new UserError('unauthorized', `The hub at ${this.url} refused the key.`, {
        remedy:
          "Give its user key (user.key in the hub's folder) with --hub-key-file or FOMULAR_HUB_KEY; the machine key does not do.",
        exitCode: EXIT.refused,
      })
    if (parsed.success) return refused(parsed.data.error)
    return new UserError('hub_failed', `The hub at ${this.url} answered HTTP ${response.status}.`, {
      remedy: 'Is something else listening there? `fomular-daemon doctor` tells more.',
    })
  }
}

async function body(response: Response): Promise<unknown> {
  try {
    return await response.json()
  } catch {
    return undefined
  }
}

const refused = (error: CommandError | undefined) =>
  new UserError(error?.code ?? 'failed', error?.message ?? 'The command failed.', {
    ...(error?.remedy !== undefined && { remedy: error.remedy }),
    exitCode: EXIT.refused,
  })

function unreachable(url: string, error: unknown): UserError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const message = cause instanceof Error ? cause.message || cause.name : String(cause)
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined
  const name = cause instanceof Error ? cause.name : ''
  const remedy = isUntrusted(cause)
    ? 'Set NODE_EXTRA_CA_CERTS to the file of the certificate authority that signed its certificate.'
    : 'Start one with `fomular-daemon up`, or name another with --hub URL.'
  return new UserError(
    'hub_unreachable',
    name === 'TimeoutError'
      ? `The hub at ${url} gave no answer in time.`
      : `No hub answers at ${url}${code === 'ECONNREFUSED' ? '' : `: ${message}`}.`,
    { remedy, cause: error },
  )
}
