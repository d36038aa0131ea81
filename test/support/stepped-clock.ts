/**
 * Loaded before a program (`NODE_OPTIONS=--import=…`): its wall clock is off by what the file `TEST_CLOCK` says, in ms,
 * whenever that says something else. The monotonic clock and timers go on as they were.
 */
import { readFileSync } from 'node:fs'

const RealDate = Date
const LOOK_MS = 50

let offset = 0
let looked = 0

function now(): number {
  const real = RealDate.now()
  if (Math.abs(real - looked) > LOOK_MS) {
    looked = real
    try {
      offset = Number(readFileSync(process.env.TEST_CLOCK ?? '', 'utf8'))
    } catch {
      // Nobody has set it yet.
    }
  }
  return real + offset
}

globalThis.Date = class extends RealDate {
  constructor(...args: []) {
    if (args.length === 0) super(now())
    else super(...args)
  }
  static override now = now
} as DateConstructor
