import { createInterface, type Interface } from 'node:readline'

let lines: Interface

/** Reads lines until the input ends or a signal arrives, and then ends the program. */
export function readInput(onLine: (text: string) => void) {
  process.on('SIGTERM', () => process.exit(143))
  process.on('SIGINT', () => process.exit(0))
  lines = createInterface({ input: process.stdin })
  lines.on('close', () => process.exit(0))
  lines.on('line', onLine)
}

/** Ignores all further lines, and SIGTERM. */
export function ignoreInput() {
  process.removeAllListeners('SIGTERM').on('SIGTERM', () => {})
  lines.removeAllListeners('line')
}
