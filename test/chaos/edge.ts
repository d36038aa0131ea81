/**
 * Loaded into the hub and daemons before their own code. This module shifts the wall clock of its process,
 * and reports the resources that keep the process alive. `CHAOS_EDGE` names a file that contains
 * `{"offset_ms": N, "ask": N}`. For each new `ask`, the module writes an answer to `<file>.<pid>`.
 */
import { readFileSync, writeFileSync } from 'node:fs'

const LOOK_MS = 50

const path = process.env.CHAOS_EDGE!
const RealDate = Date
let offset = 0
let asked = 0

function look() {
  try {
    const { offset_ms, ask } = JSON.parse(readFileSync(path, 'utf8'))
    offset = offset_ms
    if (ask === asked) return
    asked = ask
    writeFileSync(
      `${path}.${process.pid}`,
      JSON.stringify({ ask, resources: process.getActiveResourcesInfo() }),
    )
  } catch {
    // The file is being written, or was deleted at the end of the run.
  }
}

look()
setInterval(look, LOOK_MS).unref()

globalThis.Date = class extends RealDate {
  constructor(...args: []) {
    if (args.length === 0) super(RealDate.now() + offset)
    else super(...args)
  }

  static override now() {
    return RealDate.now() + offset
  }
} as DateConstructor
