/**
 * Loaded before a program with `NODE_OPTIONS=--import=…`. This module shifts the wall clock by the number of
 * milliseconds in the file that `TEST_CLOCK` names. The file may change at any time. The monotonic clock and
 * timers are not affected.
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
      // The file does not exist yet.
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
