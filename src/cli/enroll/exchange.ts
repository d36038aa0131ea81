import { readFileSync } from 'node:fs'
import * as z from 'zod/mini'
import { sleep } from '../../platform/clock.ts'
import { reasonOf, UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { textOf } from '../../platform/http.ts'
import { ProxyError, proxyRemedy } from '../../platform/proxy-error.ts'
import { VERSION } from '../../platform/version.ts'
import { boundedJson } from '../../protocol/bounded-json.ts'
import {
  CommandError,
  EnrollAnswer,
  type EnrollCheck,
  EnrollChecked,
  type EnrollRequest,
} from '../../protocol/index.ts'
import { send } from '../client/http.ts'

const ANSWER_MS = 30_000
const ANSWER_BYTES = 64 * 1024
/**
 * Maximum number of attempts. A request whose response was lost can be repeated: the hub recognizes the key.
 */
const TRIES = 3
const AGAIN_MS = 1000

const Failure = z.object({ error: CommandError })

export interface Enrolling {
  /** Address that the daemon connects to. */
  server: string
  caFile?: string | undefined
  /** File that records which user runs each local server at which this machine was enrolled. */
  servers: string
}

/**
 * Sends the token to the hub.
 * @param key the key that this machine already has for this hub
 * @returns the hub's answer. `owner` is the uid of the hub's user, if the hub is on this machine and the
 *   system reveals the uid
 * @throws UserError
 */
export async function exchange(at: Enrolling, request: EnrollRequest, key?: string) {
  let owner: number | undefined
  const shown = (uid: number) => {
    owner = uid
  }
  const answer = await ask({ ...at, shown }, '/enroll', request, EnrollAnswer, key)
  return { ...answer, owner }
}

/** Asks the hub whether it knows this machine's key, or would accept the token. @throws UserError */
export const check = (at: Enrolling, request: EnrollCheck) => ask(at, '/enroll/check', request, EnrollChecked)

async function ask<T>(
  { server, caFile, servers, shown }: Enrolling & { shown?: (uid: number) => void },
  path: string,
  request: object,
  schema: z.ZodMiniType<T>,
  key?: string,
): Promise<T> {
  const url = new URL(server.replace(/^ws/, 'http'))
  url.pathname = url.pathname.replace(/\/+$/, '') + path
  const ca = caFile === undefined ? undefined : readCa(caFile)
  const headers = {
    'content-type': 'application/json',
    'user-agent': `fomular-daemon/${VERSION}`,
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
  }
  const enrolling = { enrolled: servers, ...(shown && { shown }) }
  const body = JSON.stringify(request)
  for (let tries = 1; ; tries++) {
    try {
      const call = { method: 'POST', headers, body, timeout: ANSWER_MS, ca, enrolling }
      const response = await send(url.href, call)
      const text = await textOf(response, { most: ANSWER_BYTES })
      return understood(url, response.statusCode ?? 0, text, schema)
    } catch (error) {
      if (error instanceof UserError) throw error
      if (tries === TRIES)
        throw new UserError(
          'hub_unreachable',
          `${url.origin} cannot be reached: ${(error as Error).message}`,
          {
            remedy:
              error instanceof ProxyError
                ? proxyRemedy(error)
                : 'Check the address, and that the hub is running. For a private certificate authority, add --ca-file.',
            cause: error,
          },
        )
      await sleep(AGAIN_MS)
    }
  }
}

function understood<T>(url: URL, status: number, text: string, schema: z.ZodMiniType<T>): T {
  const json = boundedJson(text)
  const accepted = schema.safeParse(json)
  if (status === 200 && accepted.success) return accepted.data
  const failure = Failure.safeParse(json)
  if (!failure.success)
    throw new UserError('hub_failed', `${url.origin} answered HTTP ${status}: it does not look like a hub.`, {
      remedy: 'Check the address, including its path.',
    })
  const { code, message, remedy } = failure.data.error
  throw new UserError(code, message, { ...(remedy !== undefined && { remedy }), exitCode: EXIT.refused })
}

function readCa(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new UserError('ca_unreadable', `--ca-file: ${path} cannot be read: ${reasonOf(error)}`, {
      exitCode: EXIT.usage,
    })
  }
}
