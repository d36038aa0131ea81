import { isIP } from 'node:net'
import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'

/** Variable with the networks of trusted proxies, separated by commas. */
export const TRUSTED_PROXIES = 'FOMULAR_HUB_TRUSTED_PROXIES'

/** A network: the addresses with the same first `bits` bits. */
export interface Network {
  address: string
  bits: number
  family: 'ipv4' | 'ipv6'
}

/**
 * Returns the proxies that are trusted to name a request's origin. The list comes from flags or else from the
 * variable.
 * @throws UserError
 */
export function trustedProxies(flags: readonly string[] | undefined, env: NodeJS.ProcessEnv): Network[] {
  if (flags) return flags.map((flag) => networkOf(flag, '--trusted-proxy'))
  const listed = env[TRUSTED_PROXIES]?.split(',') ?? []
  return listed
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => networkOf(text, TRUSTED_PROXIES))
}

/**
 * Returns the trusted proxies as a variable for a hub that is started later. An earlier version ignores this
 * variable.
 * @throws UserError
 */
export function proxyVariables(
  flags: readonly string[] | undefined,
  env: NodeJS.ProcessEnv,
): Record<string, string> {
  const named = trustedProxies(flags, env).map(({ address, bits }) => `${address}/${bits}`)
  return named.length > 0 ? { [TRUSTED_PROXIES]: named.join(',') } : {}
}

function networkOf(text: string, source: string): Network {
  const [address = '', length, ...rest] = text.split('/')
  const version = isIP(address)
  const most = version === 6 ? 128 : 32
  const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : -1
  if (version === 0 || address.includes('%') || rest.length > 0 || bits < 0 || bits > most)
    throw new UserError(
      'invalid_proxy',
      `${source}: ${JSON.stringify(text)} is neither an address nor a network.`,
      {
        remedy: 'Give an address such as 10.0.0.5, or a network such as 10.0.0.0/8.',
        exitCode: EXIT.usage,
      },
    )
  return { address, bits, family: version === 6 ? 'ipv6' : 'ipv4' }
}
