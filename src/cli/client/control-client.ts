import { request } from 'node:http'
import { dirname } from 'node:path'
import * as z from 'zod/mini'
import { socketAddress } from '../../config/paths.ts'
import { systemCode, UserError } from '../../platform/errors.ts'
import { addressOfForeign, isForeign } from '../../platform/sockets.ts'
import { check } from '../../protocol/check.ts'
import { AgentStatus, CommandError, MachineStatus } from '../../protocol/index.ts'
import { UpdateSource } from '../../update/source.ts'
import { EXIT } from '../exit-codes.ts'
import { jsonOf } from './answer.ts'

/** The daemon asks its server over the real path, which may take as long as its own limit for that. */
const ANSWER_MS = 15_000
/** A status of ten thousand agents is a third of this. */
const ANSWER_BYTES = 64 * 1024 * 1024
const GLANCE_MS = 3000
/** Time for the daemon to ask programs for their versions and logins. */
const LOOK_MS = 30_000
/** It asks the registry, over npm. */
const REGISTRY_MS = 2 * 60_000

/** What a daemon says of itself. */
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
  /** Milliseconds to the server and back; null when it does not hear the daemon. */
  server_hears_ms: z.nullable(z.number()),
  machine: MachineStatus,
  agents: z.array(AgentStatus),
  /** What ends agents together with the daemon, and which; absent where all live on. */
  agents_end: z.optional(
    z.object({
      by: z.string(),
      message: z.string(),
      remedy: z.string(),
      /** Where new agents are out of its reach. */
      shelter: z.optional(z.string()),
      agents: z.array(z.string()),
    }),
  ),
  /** What decides which programs, logins and authorities it finds. Secrets are only named. */
  environment: z.optional(
    z.object({ variables: z.record(z.string(), z.string()), logins: z.array(z.string()) }),
  ),
})
export type DaemonStatus = z.infer<typeof DaemonStatus>

/** What a daemon says of one of its agents. A newer one may say more. */
export const AgentDetail = z.object({
  status: AgentStatus,
  spec: z.record(z.string(), z.unknown()),
  restarts: z.array(z.string()),
  paths: z.object({ dir: z.string(), journal: z.string(), stderr: z.string() }),
})
export type AgentDetail = z.infer<typeof AgentDetail>

const RestartResult = z.object({ restart_strategy: z.string() })
const Nothing = z.object({})
const Ordered = z.object({ command_id: z.string() })
const Failure = z.object({ error: CommandError })

/** What the registry has for a daemon. */
export const UpdateCheck = z.object({
  installed: z.string(),
  available: z.string(),
  newer: z.boolean(),
  published: z.optional(z.string()),
  /** What there is to know about a version that is not newer. */
  warning: z.optional(z.string()),
  /** It failed on this machine before. */
  bad: z.boolean(),
  /** How to get it, where this program cannot be updated in place. */
  instead: z.optional(z.string()),
})
export type UpdateCheck = z.infer<typeof UpdateCheck>

/** What to say where nobody listens, or this user may not ask. */
interface Unreachable {
  missing?: () => UserError
  forbidden?: () => UserError
}

/** The local control of the daemon of a state folder. Throws UserError when there is none. */
export class ControlClient {
  readonly #socket: string
  readonly #unreachable: Unreachable

  /** @param socket as `statePaths` has it */
  constructor(socket: string, unreachable: Unreachable = {}) {
    this.#socket = socket
    this.#unreachable = unreachable
  }

  status(timeoutMs = ANSWER_MS): Promise<DaemonStatus> {
    return this.#call('GET', '/status', DaemonStatus, undefined, timeoutMs)
  }

  /** Has the daemon examine its machine anew. A daemon that cannot is ignored: its last status counts. */
  async lookAnew(): Promise<void> {
    await this.#call('POST', '/check', Nothing, undefined, LOOK_MS).catch(() => {})
  }

  /** Undefined of a daemon that does not answer at once, for whatever reason: one that is only looked at beside another. */
  async glance(): Promise<DaemonStatus | undefined> {
    try {
      return await this.status(GLANCE_MS)
    } catch {
      return undefined
    }
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

  /** Begins an update. @returns its id in update.json */
  async update(order: { version: string; allow_downgrade: boolean }): Promise<string> {
    return (await this.#call('POST', '/update', Ordered, order)).command_id
  }

  /** Where its updates come from. */
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

  #request(method: string, path: string, body: object | undefined, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const failed = (error: Error) => reject(error instanceof UserError ? error : this.#failure(error))
      let socketPath: string
      try {
        socketPath = this.#address()
      } catch (error) {
        return reject(this.#failure(error as Error))
      }
      const call = request({ socketPath, method, path, timeout: timeoutMs }, (response) => {
        const chunks: Buffer[] = []
        let size = 0
        response.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > ANSWER_BYTES) response.destroy(incompatible())
          chunks.push(chunk)
        })
        response.on('error', failed)
        response.on('end', () => {
          resolve(jsonOf(Buffer.concat(chunks).toString('utf8')))
        })
      })
      call.on('timeout', () =>
        call.destroy(
          new UserError('daemon_silent', `The daemon gave no answer within ${timeoutMs / 1000} s.`, {
            remedy: 'See what it does: fomular-daemon logs',
          }),
        ),
      )
      call.on('error', failed)
      call.end(body && JSON.stringify(body))
    })
  }

  /** In another user's folder, nothing but that user's own socket is taken. */
  #address(): string {
    const foreign = isForeign(dirname(this.#socket))
    return foreign ? addressOfForeign(this.#socket) : socketAddress(this.#socket)
  }

  #failure(error: Error): UserError {
    const code = systemCode(error)
    if (code === 'EACCES' || code === 'EPERM')
      return (
        this.#unreachable.forbidden?.() ??
        new UserError('daemon_forbidden', 'The daemon belongs to another user.', {
          remedy: 'Run this as the user that it runs as.',
          exitCode: EXIT.refused,
          cause: error,
        })
      )
    return (
      this.#unreachable.missing?.() ??
      new UserError('daemon_not_running', 'No daemon is running on this state folder.', {
        remedy: 'Start one with `fomular-daemon up`.',
        exitCode: EXIT.refused,
        cause: error,
      })
    )
  }
}

const incompatible = () =>
  new UserError('daemon_incompatible', "The daemon's answer is not understood: it is of another version.", {
    remedy: 'Restart it: fomular-daemon restart',
  })

const refused = ({ code, message, remedy }: CommandError) =>
  new UserError(code, message, { ...(remedy !== undefined && { remedy }), exitCode: EXIT.refused })
