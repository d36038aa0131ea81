import { join } from 'node:path'
import { TRIAL_MARK } from './place.ts'
import { startsPath, type Trial } from './record.ts'

/** How often a version on trial may start: a machine may go down meanwhile, once. */
const MAX_STARTS = 2

/** What, beside its arguments, makes a daemon's start one of this daemon and not of another on the same installation. */
const TELLING = ['HOME', 'FOMULAR_STATE_DIR', 'STATE_DIRECTORY'] as const

/** Under which a program finds that it was started by a stand-in. */
export const TRIAL_SYMBOL = 'fomular-daemon.trial'

export const isStandIn = (): boolean => Symbol.for(TRIAL_SYMBOL) in globalThis

/**
 * The stand-in: written by the version that is known to work, and all that is between a start and a version that may not
 * even parse. It runs the next version for a start of this daemon, each under a guard of the previous version, and for at
 * most two starts; the previous version for everything else, and also when it cannot count.
 */
export function standIn(
  trial: Trial,
  { from, to, stateDir, env }: { from: string; to: string; stateDir: string; env: NodeJS.ProcessEnv },
): string {
  const facts = {
    next: join(trial.next, trial.program),
    previous: join(trial.previous, trial.program),
    args: trial.args,
    env: Object.fromEntries(TELLING.map((name) => [name, env[name] ?? null])),
    starts: startsPath(stateDir),
    stateDir,
  }
  return `#!/usr/bin/env node
${TRIAL_MARK}${from} to ${to}
'use strict'
const fs = require('node:fs')
const { spawn } = require('node:child_process')
const trial = ${JSON.stringify(facts, undefined, 2)}
Object.defineProperty(globalThis, Symbol.for('${TRIAL_SYMBOL}'), { value: true })
let program = trial.previous
const same =
  JSON.stringify(process.argv.slice(2)) === JSON.stringify(trial.args) &&
  Object.keys(trial.env).every((name) => (process.env[name] ?? null) === trial.env[name])
if (same) {
  try {
    fs.appendFileSync(trial.starts, '.', { mode: 0o600 })
    if (fs.statSync(trial.starts).size <= ${MAX_STARTS}) {
      const args = [trial.previous, 'update-guard', '--state-dir', trial.stateDir, '--pid', String(process.pid)]
      const options = { detached: true, stdio: ['ignore', 'inherit', 'inherit'] }
      const guard = spawn(process.execPath, [...process.execArgv, ...args], options)
      guard.on('error', () => {})
      guard.unref()
      if (guard.pid !== undefined) program = trial.next
    }
  } catch {}
}
require(program)
`
}
