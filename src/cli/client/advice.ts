import { type HubFailure, innerError } from '../../client/hub-failure.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { ProxyError, proxyRemedy } from '../../platform/proxy-error.ts'
import { isUntrusted } from '../../platform/unreachable.ts'

/** Remedies by the kind of failure. For a refusal, the hub itself sends the remedy. */
const REMEDIES = {
  unauthorized:
    "Give the hub's user key (user.key in the hub's folder) with --hub-key-file FILE or FOMULAR_HUB_KEY_FILE. A machine key does not work here.",
  failed: 'Run `fomular-daemon doctor` to check which program listens there.',
  too_old: 'Update the hub, then try again.',
  incompatible:
    'Check that this address is a FomularOS hub of the same version. Restart the hub after an update.',
  unreachable: 'Start a hub with `fomular-daemon up`, or name another hub with --hub URL.',
}
const UNTRUSTED =
  "Add the certificate authority that signed the hub's certificate to this system's authorities, or set NODE_EXTRA_CA_CERTS to the authority's file."

/** Returns the error for a failed request to the hub at `url`, with a remedy and an exit code. */
export function withAdvice(url: string, { kind, code, message, remedy, path, cause }: HubFailure): UserError {
  if (kind === 'refused')
    return new UserError(code, message, {
      remedy,
      exitCode: EXIT.refused,
      ...(path !== undefined && { facts: { path } }),
    })
  if (cause instanceof UserError) return cause
  if (cause instanceof ProxyError)
    return new UserError(code, `Cannot reach the hub at ${url}: ${cause.message}.`, {
      remedy: proxyRemedy(cause),
      cause,
    })
  return new UserError(code, message, {
    remedy: isUntrusted(innerError(cause)) ? UNTRUSTED : REMEDIES[kind],
    exitCode: kind === 'unauthorized' || kind === 'too_old' ? EXIT.refused : EXIT.failure,
    cause,
  })
}
