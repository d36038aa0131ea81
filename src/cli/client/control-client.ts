import { dirname } from 'node:path'
import * as z from 'zod/mini'
import { jsonOf } from '../../client/json-of.ts'
import { socketAddress } from '../../config/paths.ts'
import { Family } from '../../metrics/family-schema.ts'
import { systemCode, UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { Silence, send, TooLong, textOf } from '../../platform/http.ts'
import { addressOfForeign, isForeign } from '../../platform/sockets.ts'
import { AgentStatus, CommandError, MachineStatus } from '../../protocol/index.ts'
import { check } from '../../protocol/schema-check.ts'
import { UpdateSource } from '../../update/fetch/source.ts'

/**
 * Maximum wait for an answer, in ms. The daemon may first wait for its own ping to the server to time out.
 */
const ANSWER_MS = 15_000
/** Maximum size of an answer, in bytes: three times the status of ten thousand agents. */
const ANSWER_BYTES = 64 * 1024 * 1024
const GLANCE_MS = 3000
/**
 * Maximum time for a machine check, in ms: the daemon runs agent programs to get their versions and logins.
 */
const LOOK_MS = 30_000
/** Maximum time for an update check, in ms: the daemon asks the registry through npm. */
const REGISTRY_MS = 2 * 60_000

/** Status of a daemon, as the daemon's control socket returns it. */
export const DaemonStatus = z.object({
  version: z.string(),
  pid: z.int(),
  machine_id: z.string(),
  started_at: z.string(),
  state_dir: z.string(),
  server_url: z.string(),
  link: z.object({
    state: z.string(),
    since: z.string(),
    attempt: z.int(),
    last_error: z.optional(z.string()),
    refused: z.optional(z.string()),
  }),
  /** Round trip to the server in ms; null if the server does not answer. */
  server_hears_ms: z.nullable(z.number()),
  /** Path of the policy in force, if it is a file. */
  policy_file: z.optional(z.string()),
  /** Number of refusals since the daemon's start, by key of the policy. Absent from daemons up to 0.1.0. */
  policy_refused: z.optional(z.record(z.string(), z.number())),
  machine: MachineStatus,
  agents: z.array(AgentStatus),
  /** The supervisor that ends agents together with the daemon; absent if all agents survive the daemon. */
  agents_end: z.optional(
    z.object({
      by: z.string(),
      message: z.string(),
      remedy: z.string(),
      /** Place where the daemon starts new agents, so that they survive the daemon. */
      shelter: z.optional(z.string()),
      agents: z.array(z.string()),
    }),
  ),
  /**
   * Variables that determine which programs, logins, and certificate authorities the daemon finds. Secrets
   * are listed by name only.
   */
  environment: z.optional(
    z.object({ variables: z.record(z.string(), z.string()), logins: z.array(z.string()) }),
  ),
})
export type DaemonStatus = z.infer<typeof DaemonStatus>

/** Details of one agent. A newer daemon may send more fields. */
export const AgentDetail = z.object({
  status: AgentStatus,
  spec: z.record(z.string(), z.unknown()),
  restarts: z.array(z.string()),
  paths: z.object({ dir: z.string(), journal: z.string(), stderr: z.string() }),
})
export type AgentDetail = z.infer<typeof AgentDetail>

const MetricsAnswer = z.object({ families: z.array(Family) })
const RestartResult = z.object({ restart_strategy: z.string() })
const Nothing = z.object({})
const Ordered = z.object({ command_id: z.string() })
const Failure = z.object({ error: CommandError })

/** Result of an update check. */
export const UpdateCheck = z.object({
  installed: z.string(),
  available: z.string(),
  newer: z.boolean(),
  published: z.optional(z.string()),
  /** Warning if the registry offers no newer version although the installed one is old. */
  warning: z.optional(z.string()),
  /** True if the available version failed on this machine before. */
  bad: z.boolean(),
  /** Command that installs the version, if this program cannot be updated in place. */
  instead: z.optional(z.string()),
})
export type UpdateCheck = z.infer<typeof UpdateCheck>

/** Errors to throw when no daemon listens on the socket, or when this user is not permitted to connect. */
interface Unreachable {
  missing?: () => UserError
  forbidden?: () => UserError
}

/** Client for the control socket of a daemon. Methods throw UserError when the daemon cannot be reached. */
export class ControlClient {
  readonly #socket: string
  readonly #unreachable: Unreachable

  /** @param socket path from `statePaths` */
  constructor(socket: string, unreachable: Unreachable = {}) {
    this.#socket = socket
    this.#unreachable = unreachable
  }

  status(timeoutMs = ANSWER_MS): Promise<DaemonStatus> {
    return this.#call('GET', '/status', DaemonStatus, undefined, timeoutMs)
  }

  /** Makes the daemon check its machine again. Failures are ignored: the last status is still valid. */
  async lookAnew(): Promise<void> {
    await this.#call('POST', '/check', Nothing, undefined, LOOK_MS).catch(() => {})
  }

  /** Returns the status, or undefined on any failure. For commands that only list daemons. */
  async glance(): Promise<DaemonStatus | undefined> {
    try {
      return await this.status(GLANCE_MS)
    } catch {
      return undefined
    }
  }

  /** Returns the metrics of the daemon. */
  async metrics(): Promise<Family[]> {
    return (await this.#call('GET', '/metrics', MetricsAnswer)).families
  }

  agent(agentId: string): Promise<AgentDetail> {
    return this.#call('POST', '/agent', AgentDetail, { agent_id: agentId })
  }

  async restart(): Promise<string> {
    return (await this.#call('POST', '/restart', RestartResult)).restart_strategy
  }

  async stop(): Promise<void> {
    await this.#call('POST', '/stop', Nothing)
  }

  /** Starts an update. @returns the id of the update's command in update.json */
  async update(order: { version: string; allow_downgrade: boolean }): Promise<string> {
    return (await this.#call('POST', '/update', Ordered, order)).command_id
  }

  /** Returns the source of the daemon's updates. */
  updateSource(): Promise<UpdateSource> {
    return this.#call('GET', '/update/source', UpdateSource)
  }

  checkUpdate(version: string): Promise<UpdateCheck> {
    return this.#call('POST', '/update/check', UpdateCheck, { version }, REGISTRY_MS)
  }

  async #call<T>(
    method: string,
    path: string,
    schema: z.ZodMiniType<T>,
    body?: object,
    timeoutMs = ANSWER_MS,
  ): Promise<T> {
    const json = await this.#request(method, path, body, timeoutMs)
    const failure = check(Failure, json)
    if (failure.success) throw refused(failure.data.error)
    const answer = check(schema, json)
    if (answer.success) return answer.data
    throw incompatible()
  }

  async #request(method: string, path: string, body: object | undefined, timeout: number): Promise<unknown> {
    try {
      const call = { socketPath: this.#address(), method, path, timeout, body: body && JSON.stringify(body) }
      return jsonOf(await textOf(await send('http://localhost', call), { most: ANSWER_BYTES }))
    } catch (error) {
      throw this.#failure(error as Error, timeout)
    }
  }

  /**
   * Returns the address to connect to. In another user's folder, only a socket owned by that user is
   * accepted.
   */
  #address(): string {
    const foreign = isForeign(dirname(this.#socket))
    return foreign ? addressOfForeign(this.#socket) : socketAddress(this.#socket)
  }

  #failure(error: Error, timeout: number): UserError {
    if (error instanceof UserError) return error
    if (error instanceof TooLong) return incompatible()
    if (error instanceof Silence)
      return new UserError('daemon_silent', `The daemon did not answer within ${timeout / 1000} s.`, {
        remedy: 'Check its log: fomular-daemon logs',
      })
    const code = systemCode(error)
    if (code === 'EACCES' || code === 'EPERM')
      return (
        this.#unreachable.forbidden?.() ??
        new UserError('daemon_forbidden', 'The daemon belongs to another user.', {
          remedy: "Run this command as the daemon's user.",
          exitCode: EXIT.refused,
          cause: error,
        })
      )
    return (
      this.#unreachable.missing?.() ??
      new UserError('daemon_not_running', 'No daemon is running with this state folder.', {
        remedy: 'Start a daemon with `fomular-daemon up`.',
        exitCode: EXIT.refused,
        cause: error,
      })
    )
  }
}

const incompatible = () =>
  new UserError('daemon_incompatible', "Cannot read the daemon's answer: the versions differ.", {
    remedy: 'Restart the daemon: fomular-daemon restart',
  })

const refused = ({ code, message, remedy }: CommandError) =>
  new UserError(code, message, { ...(remedy !== undefined && { remedy }), exitCode: EXIT.refused })
