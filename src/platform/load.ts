import { availableParallelism, loadavg } from 'node:os'

/** The load averages over the last 1, 5, and 15 minutes, and the number of processors that this process may use. */
export interface Load {
  one_minute: number
  five_minutes: number
  fifteen_minutes: number
  processors: number
}

/** Returns how busy the processors of this machine are. */
export function machineLoad(): Load {
  const [one_minute = 0, five_minutes = 0, fifteen_minutes = 0] = loadavg().map(twoDecimals)
  return { one_minute, five_minutes, fifteen_minutes, processors: availableParallelism() }
}

const twoDecimals = (value: number) => Math.round(value * 100) / 100
