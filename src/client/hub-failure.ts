import * as z from 'zod/mini'
import { CommandError } from '../protocol/errors.ts'
import { check } from '../protocol/schema-check.ts'

const Refusal = z.object({ error: CommandError })

export type FailureKind =
  /** There was no answer, or it was incomplete. */
  | 'unreachable'
  /** The hub does not accept the key. */
  | 'unauthorized'
  /** The hub refused the request or the command, and gave a reason. */
  | 'refused'
  /** The answer has a status that means failure, but gives no reason. */
  | 'failed'
  /** The hub is an older version without the feature. */
  | 'too_old'
  /** The answer does not fit its schema. */
  | 'incompatible'

interface Details {
  code?: string
  remedy?: string | undefined
  path?: string | undefined
  cause?: unknown
}

/**
 * A failed request to a hub. A HubFailure has a remedy only if the hub sent one, because any other remedy
 * depends on the program that sent the request.
 */
export class HubFailure extends Error {
  readonly kind: FailureKind
  /** Code by which programs identify the failure. The code is the same in all versions. */
  readonly code: string
  readonly remedy: string | undefined
  /** Path of the faulty part of the command, or path of the key in the policy that refuses the command. */
  readonly path: string | undefined

  constructor(
    kind: FailureKind,
    message: string,
    { code = `hub_${kind}`, remedy, path, cause }: Details = {},
  ) {
    super(message, { cause })
    this.name = 'HubFailure'
    this.kind = kind
    this.code = code
    this.remedy = remedy
    this.path = path
  }
}

/** Returns the failure for a command or a request that the hub refused. */
export const refused = (error: CommandError | undefined) =>
  new HubFailure('refused', error?.message ?? 'The command failed.', {
    code: error?.code ?? 'failed',
    remedy: error?.remedy,
    path: error?.path,
  })

/** Returns the failure for an answer with an HTTP status of 400 or higher. @param json body of the answer */
export function failureOf(url: string, status: number, json: unknown): HubFailure {
  const parsed = check(Refusal, json)
  if (status === 401 || (status === 403 && !parsed.success))
    return new HubFailure('unauthorized', `The hub at ${url} refused the key.`, { code: 'unauthorized' })
  if (parsed.success) return refused(parsed.data.error)
  return new HubFailure('failed', `The hub at ${url} answered HTTP ${status}.`)
}

/** Returns the failure for a hub whose version is too old. @param lacking feature that the hub lacks */
export const tooOld = (url: string, lacking: string) =>
  new HubFailure('too_old', `The hub at ${url} is too old: it lacks ${lacking}.`)

/** Returns the failure for an answer that does not match its schema. */
export const notUnderstood = (url: string, why: string) =>
  new HubFailure('incompatible', `Cannot read the answer of the hub at ${url}: ${why}.`)

/** Returns the failure for a request without an answer, or with an incomplete answer. */
export function unreachable(url: string, error: unknown): HubFailure {
  const cause = innerError(error)
  const {
    name = '',
    code,
    message = '',
  } = cause instanceof Error ? (cause as Error & { code?: unknown }) : {}
  const why = cause instanceof Error ? message || name : String(cause)
  return new HubFailure(
    'unreachable',
    name === 'TimeoutError'
      ? `The hub at ${url} did not answer in time.`
      : `No hub answers at ${url}${code === 'ECONNREFUSED' ? '' : `: ${why}`}.`,
    { cause: error },
  )
}

/** Returns the error that contains the reason. `fetch` wraps this error in another error. */
export const innerError = (error: unknown): unknown =>
  error instanceof Error && error.cause instanceof Error ? error.cause : error
