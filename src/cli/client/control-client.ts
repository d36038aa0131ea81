import { request } from 'node:http'
import * as z from 'zod/mini'
import { socketAddress } from '../../config/paths.ts'
import { systemCode, UserError } from '../../platform/errors.ts'
import { AgentStatus, MachineStatus } from '../../protocol/index.ts'
import { EXIT } from '../exit-codes.ts'

/** The daemon asks its server over the real path, which may take as long as its own limit for that. */
const ANSWER_MS = 15_000

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
  }),
  /** Milliseconds to the server and back; null when it does not hear the daemon. */
  server_hears_ms: z.nullable(z.number()),
  machine: MachineStatus,
  agents: z.array(AgentStatus),
})
export type DaemonStatus = z.infer<typeof DaemonStatus>

const RestartResult = z.object({ restart_strategy: z.string() })
const Nothing = z.object({})

/** The local control of the daemon of a state folder. Throws UserError when there is none. */
export class ControlClient {
  readonly #socket: string

  /** @param socket as `statePaths` has it */
  constructor(socket: string) {
    this.#socket = socket
  }

  status(): Promise<DaemonStatus> {
    return this.#call('GET', '/status', DaemonStatus)
  }

  async restart(): Promise<string> {
    return (await this.#call('POST', '/restart', RestartResult)).restart_strategy
  }

  async stop(): Promise<void> {
    await this.#call('POST', '/stop', Nothing)
  }

  async #call<T>(method: string, path: string, schema: z.ZodMiniType<T>): Promise<T> {
    const answer = schema.safeParse(await this.#request(method, path))
    if (answer.success) return answer.data
    throw new UserError(
      'daemon_incompatible',
      "The daemon's answer is not understood: it is of another version.",
      {
        remedy: 'Restart it: fomular-daemon restart',
      },
    )
  }

  #request(method: string, path: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call = request(
        { socketPath: socketAddress(this.#socket), method, path, timeout: ANSWER_MS },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () => {
            try {
              resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')))
            } catch (error) {
              reject(error)
            }
          })
        },
      )
      call.on('timeout', () =>
        call.destroy(
          new UserError('daemon_silent', `The daemon gave no answer within ${ANSWER_MS / 1000} s.`, {
            remedy: 'See what it does: fomular-daemon logs',
          }),
        ),
      )
      call.on('error', (error) => reject(error instanceof UserError ? error : this.#unreachable(error)))
      call.end()
    })
  }

  #unreachable(error: Error): UserError {
    const code = systemCode(error)
    if (code === 'EACCES' || code === 'EPERM')
      return new UserError('daemon_forbidden', 'The daemon belongs to another user.', {
        remedy: 'Run this as the user that it runs as.',
        exitCode: EXIT.refused,
        cause: error,
      })
    return new UserError('daemon_not_running', 'No daemon is running on this state folder.', {
      remedy:
        'Start one with `fomular-daemon up`, or name its state folder with --state-dir or FOMULAR_STATE_DIR.',
      exitCode: EXIT.refused,
      cause: error,
    })
  }
}
