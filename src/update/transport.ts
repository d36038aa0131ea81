import type { UpdateConfig } from '../config/config.ts'
import { isLoopback } from '../config/server-url.ts'
import { insecureUpdateLeft, useInsecureUpdate } from './confirmed.ts'
import { UpdateFailure } from './failure.ts'

/** What to do about such a registry. */
export const HOW_SECURE =
  'Give the registry an https address, or set allow_insecure = true under [update] if the network itself is private.'

/** Whether an address leads beyond this machine without TLS. */
export function isInsecure(address: string): boolean {
  if (!URL.canParse(address)) return false
  const { protocol, hostname } = new URL(address)
  return protocol === 'http:' && !isLoopback(hostname)
}

/**
 * Refuses an update that anybody on the way could answer for.
 * @param address of the registry, or of the package
 * @returns what there is to warn of: a machine from before this rule is updated once more
 * @throws UpdateFailure
 */
export function checkTransport(
  address: string,
  { allow_insecure }: Pick<UpdateConfig, 'allow_insecure'>,
  stateDir: string,
): string | undefined {
  if (allow_insecure || !isInsecure(address)) return undefined
  const what = `${new URL(address).origin}, where updates come from, is beyond this machine and has no TLS`
  if (!insecureUpdateLeft(stateDir))
    throw new UpdateFailure('update_refused', 'resolve', `${what}.`, { remedy: HOW_SECURE })
  return `${what}: this is the last update from there. ${HOW_SECURE}`
}

/** Notes that the last update without TLS has been made, where one of these addresses has none. */
export function noteTransport(addresses: readonly string[], stateDir: string) {
  if (addresses.some(isInsecure)) useInsecureUpdate(stateDir)
}
