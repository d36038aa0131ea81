import { isLoopback } from '../../config/server-url.ts'
import type { UpdateConfig } from '../../config/update-config.ts'
import type { OwnershipFault } from '../../platform/ownership.ts'
import { UpdateFailure } from '../failure.ts'
import { insecureUpdateLeft, useInsecureUpdate } from '../switch/confirmed.ts'
import { notBelieved } from './npm-files.ts'

/** Remedy for a registry without TLS. */
export const HOW_SECURE =
  'Give the registry an https address, or set allow_insecure = true under [update] if the network itself is private.'

/** Reports whether an address is on another machine and without TLS. */
export function isInsecure(address: string): boolean {
  if (!URL.canParse(address)) return false
  const { protocol, hostname } = new URL(address)
  return protocol === 'http:' && !isLoopback(hostname)
}

export interface Transport {
  /**
   * Refuses an address without TLS on another machine, because anyone on the network path could answer. On a
   * machine that was set up before this rule existed, only warns: such a machine may update one more time.
   * @throws UpdateFailure on any other machine
   */
  check(address: string): void
  /**
   * Refuses a file that decides where updates come from if other users can write to the file. Only warns on a
   * machine that was set up before this rule existed.
   * @throws UpdateFailure
   */
  checkFile(fault: OwnershipFault): void
  /**
   * Records that an update was made. After an update with a warning, no further insecure update is permitted.
   */
  made(): void
}

/**
 * Applies this machine's settings to the addresses of an update. @param warn called once for each insecure
 * address or file
 */
export function transportOf(
  { allow_insecure }: Pick<UpdateConfig, 'allow_insecure'>,
  stateDir: string,
  warn: (message: string) => void,
): Transport {
  const insecure = new Set<string>()
  const once = (what: string, words: string) => {
    if (!insecure.has(what)) warn(words)
    insecure.add(what)
  }
  return {
    check(address) {
      if (allow_insecure || !isInsecure(address)) return
      const { origin } = new URL(address)
      const what = `${origin}, where updates come from, is on another machine and has no TLS`
      if (!insecureUpdateLeft(stateDir))
        throw new UpdateFailure('update_refused', 'resolve', `${what}.`, { remedy: HOW_SECURE })
      once(origin, `${what}: this is the last update from there. ${HOW_SECURE}`)
    },
    checkFile(fault) {
      const refused = notBelieved(fault)
      if (!insecureUpdateLeft(stateDir)) throw refused
      once(fault.path, `${refused.message} This is the last update that tolerates it. ${refused.remedy}`)
    },
    made() {
      if (insecure.size > 0) useInsecureUpdate(stateDir)
    },
  }
}
