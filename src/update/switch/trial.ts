import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { ON_TRIAL } from '../../config/environment.ts'
import { concealed } from '../../config/key.ts'
import { startPath, startsPath, type Trial } from '../record.ts'

/**
 * Maximum number of starts of a version on trial. A second start is permitted because the machine may shut
 * down during the trial.
 */
const MAX_STARTS = 2

/**
 * Variables that, together with the arguments, distinguish this daemon from other daemons of the same
 * installation.
 */
const TELLING = ['HOME', 'FOMULAR_STATE_DIR', 'STATE_DIRECTORY'] as const

/**
 * Returns the text that identifies a start of this daemon. The text contains no key, because it is written to
 * a file.
 */
export const startText = (args: readonly string[], env: NodeJS.ProcessEnv) =>
  [...TELLING.map((name) => `${name}=${env[name] ?? ''}`), ...concealed(args)].join('\n')

/** Environment variable in which a stand-in passes its own path to an executable that it starts. */
export const STARTED_AS = 'FOMULAR_DAEMON_STARTED_AS'

/**
 * Prefix of the name of the folder in `versions/` that contains the stand-in. The version follows this
 * prefix.
 */
export const TRIAL = '.trial-'
export const isTrialName = (name: string) => name.startsWith(TRIAL)

const MARK = 'On trial: '
const HEAD_BYTES = 4096

/** Facts about a stand-in, which are in the second line of its text. */
const Facts = z.object({
  id: z.string(),
  /** Start of the trial, in milliseconds since 1970. */
  since: z.number(),
  previous: z.string(),
  restore: z.optional(z.string()),
})
export type Facts = z.infer<typeof Facts>

/**
 * Returns the facts of the stand-in at `path`; undefined if the file at `path` is missing or is not a
 * stand-in.
 */
export function standInAt(path: string): Facts | undefined {
  let head: string
  try {
    const fd = openSync(path, 'r')
    try {
      const buffer = Buffer.alloc(HEAD_BYTES)
      head = buffer.subarray(0, readSync(fd, buffer, 0, HEAD_BYTES, 0)).toString('utf8')
    } finally {
      closeSync(fd)
    }
  } catch {
    return undefined
  }
  const [, facts] = new RegExp(`^#!.*\n(?://|#) ${MARK}(.*)\n`).exec(head) ?? []
  if (facts === undefined) return undefined
  try {
    const parsed = Facts.safeParse(JSON.parse(facts))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}

/**
 * Returns the text of a stand-in. The working version writes it, because Node may not even be able to parse
 * the next version. For a start of this daemon, the stand-in runs the next version under a guard of the
 * previous version, at most twice. In all other cases, and if it cannot count the starts, the stand-in runs
 * the previous version.
 * @param executable true for a single executable that includes Node. Its stand-in is a shell script instead
 * of a Node script
 */
export function standIn(trial: Trial, stateDir: string, executable: boolean): string {
  const { id, previous, restore } = trial
  const facts = `${MARK}${JSON.stringify({ id, since: Date.now(), previous, restore } satisfies Facts)}`
  return executable ? shellStandIn(trial, stateDir, facts) : nodeStandIn(trial, stateDir, facts)
}

function nodeStandIn({ next: nextDir, program, previous }: Trial, stateDir: string, facts: string): string {
  const paths = {
    next: join(nextDir, program),
    previous,
    start: startPath(stateDir),
    starts: startsPath(stateDir),
    stateDir,
  }
  return `#!/usr/bin/env node
// ${facts}
'use strict'
const fs = require('node:fs')
const { spawn } = require('node:child_process')
const trial = ${JSON.stringify(paths, undefined, 2)}
const given = process.argv.slice(2)
const hide = (arg, index) => given[index - 1] === '--key' ? '***' : arg.startsWith('--key=') ? '--key=***' : arg
let program = trial.previous
try {
  const env = ${JSON.stringify(TELLING)}.map((name) => name + '=' + (process.env[name] || ''))
  if (fs.readFileSync(trial.start, 'utf8') === [...env, ...given.map(hide)].join('\\n')) {
    fs.appendFileSync(trial.starts, '.', { mode: 0o600 })
    if (fs.statSync(trial.starts).size <= ${MAX_STARTS}) {
      const args = [trial.previous, 'update-guard', '--state-dir', trial.stateDir, '--pid', String(process.pid)]
      const options = { detached: true, stdio: ['pipe', 'inherit', 'inherit'] }
      const guard = spawn(process.execPath, [...process.execArgv, ...args], options)
      guard.on('error', () => {})
      guard.unref()
      guard.stdin.on('error', () => {})
      guard.stdin.end([given.length, ...given, ''].join('\\0'))
      if (guard.pid !== undefined) {
        program = trial.next
        process.env.${ON_TRIAL} = '1'
      }
    }
  }
} catch {}
require(program)
`
}

const quote = (text: string) => `'${text.replace(/'/g, "'\\''")}'`

/**
 * The guard gets the daemon's arguments through a pipe, because they may contain a key. Because of a double
 * fork, the guard is not a child of the daemon, so the daemon does not have to reap it.
 */
function shellStandIn({ next: nextDir, program, previous }: Trial, stateDir: string, facts: string): string {
  const env = TELLING.map((name) => `"${name}=\${${name}-}"`).join(' ')
  return `#!/bin/sh
# ${facts}
previous=${quote(previous)}
next=${quote(join(nextDir, program))}
start=${quote(startPath(stateDir))}
starts=${quote(startsPath(stateDir))}
program=$previous
told() {
  printf '%s\\n' ${env}
  last=
  for arg do
    shown=$arg
    case $arg in --key=*) shown='--key=***' ;; esac
    [ "$last" != --key ] || shown='***'
    last=$arg
    printf '%s\\n' "$shown"
  done
}
if [ -r "$start" ] && [ "$(cat "$start")" = "$(told "$@")" ]; then
  if (umask 077; printf . >>"$starts") 2>/dev/null && [ "$(wc -c <"$starts")" -le ${MAX_STARTS} ]; then
    own=
    if command -v setsid >/dev/null 2>&1; then own=setsid; fi
    (printf '%s\\0' $# "$@" | $own "$previous" update-guard --state-dir ${quote(stateDir)} --pid $$ &)
    program=$next
    ${ON_TRIAL}=1
    export ${ON_TRIAL}
  fi
fi
${STARTED_AS}=$0
export ${STARTED_AS}
exec "$program" "$@"
`
}
