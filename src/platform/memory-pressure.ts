import { readFileSync } from 'node:fs'

/**
 * Returns the share of the last 10 s in which programs of this machine waited for memory, in percent (pressure stall
 * information). Undefined where the kernel does not measure it.
 */
export function memoryPressure(path = '/proc/pressure/memory'): number | undefined {
  try {
    const [, share] = /^some avg10=([\d.]+)/m.exec(readFileSync(path, 'utf8')) ?? []
    return share === undefined ? undefined : Number(share)
  } catch {
    return undefined
  }
}
