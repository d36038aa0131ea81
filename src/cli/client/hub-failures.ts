import type { IncomingMessage } from 'node:http'
import * as z from 'zod/mini'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { ProxyError, proxyRemedy } from '../../platform/proxy-error.ts'
import { isUntrusted } from '../../platform/unreachable.ts'
import { CommandError } from '../../protocol/index.ts'
import { check } from '../../protocol/schema-check.ts'

const Failure = z.object({ error: CommandError })

/** Returns the error for a command or a request that the hub refused. */
export const refused = (error: CommandError | undefined) =>
  new UserError(error?.code ?? 'failed', error?.message ?? 'The command failed.', {
    ...(error?.remedy !== undefined && { remedy: error.remedy }),
    exitCode: EXIT.refused,
  })

/** Returns the error for an answer with a status that means failure. @param json its body */
export function failureOf(url: string, { statusCode }: IncomingMessage, json: unknown): UserError {
  const parsed = check(Failure, json)
  if (statusCode === 401 || (statusCode === 403 && !parsed.success))
    return new UserError('unauthorized', `The hub at ${url} refused the key.`, {
      remedy:
        "Give its user key (user.key in the hub's folder) with --hub-key-file FILE or FOMULAR_HUB_KEY_FILE; the machine key will not work here.",
      exitCode: EXIT.refused,
    })
  if (parsed.success) return refused(parsed.data.error)
  return new UserError('hub_failed', `The hub at ${url} answered HTTP ${statusCode}.`, {
    remedy: 'Run `fomular-daemon doctor` to check what listens there.',
  })
}

/** Returns the error for a hub of an older version. @param lacking what it does not have */
export const tooOld = (url: string, lacking: string) =>
  new UserError('hub_too_old', `The hub at ${url} is too old: it lacks ${lacking}.`, {
    remedy: 'Update the hub, then try again.',
    exitCode: EXIT.refused,
  })

/** Returns the error for an answer that does not fit its schema. */
export const notUnderstood = (url: string, why: string) =>
  new UserError('hub_incompatible', `Cannot read the answer of the hub at ${url}: ${why}.`, {
    remedy: 'Check that it is a FomularOS hub of the same version. Restart it after an update.',
  })

/** Returns the error for a request that got no answer, or only a part of one. */
export function unreachable(url: string, error: unknown): UserError {
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
