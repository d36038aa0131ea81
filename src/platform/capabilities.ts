import { readFileSync } from 'node:fs'

/** Capabilities of Linux, by their bits in a set. */
export const CAPABILITIES = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  SYS_PTRACE: 19,
  SYS_ADMIN: 21,
} as const

/**
 * Returns a function that reports whether a set of this process has a capability. Linux only. @param set
 * `CapEff`: what this process may do now; `CapBnd`: what its programs may do at most
 * @throws the system error
 */
export function capabilitiesIn(set: 'CapEff' | 'CapBnd'): (name: keyof typeof CAPABILITIES) => boolean {
  const status = readFileSync('/proc/self/status', 'latin1')
  const [, digits = '0'] = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status) ?? []
  const bits = BigInt(`0x${digits}`)
  return (name) => ((bits >> BigInt(CAPABILITIES[name])) & 1n) === 1n
}
