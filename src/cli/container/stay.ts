import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { concealKey } from '../../config/key.ts'
import type { Invocation } from '../../daemon/relaunch.ts'
import { keptSignal, signalSoFar, signalsTo } from '../../platform/early-signal.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { keepScript } from './keep-script.ts'
import { endsUnit } from './lone-unit.ts'
import { endsContainer, isKept, reapsOrphans, UNREAPED } from './main-process.ts'

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const

/**
 * Replaces this program with the shell script `keep.sh` if it is the main process of a container, or of a
 * systemd unit that does not restart it. The script starts the program again, keeps it running, passes on
 * signals, and reaps orphans of agents. The container and its agents then survive restarts and updates of the
 * daemon. Does nothing for other processes, or if `keep.sh` already runs this program.
 * @returns the exit code of the shell, if it could only run as a child of this process
 */
export async function stayInContainer(started: Invocation): Promise<number | undefined> {
  if (isKept(process.env) || !existsSync('/bin/sh')) return undefined
  if (!endsContainer() && !(await endsUnit(process.env))) return undefined
  // A signal arrived before the daemon started, so the program can end at once.
  if (await signalSoFar()) return EXIT.ok
  const { runner, argv, env, cwd } = withoutKey(started)
  const script: [string, ...string[]] = ['/bin/sh', '-c', keepScript, 'sh', ...runner, ...argv]
  // The shell needs no prefix if it becomes process 1, or if process 1 reaps orphans. Without `execve`, this
  // process stays above the shell, which then needs the prefix.
  const reaping = process.execve && (process.pid === 1 || reapsOrphans()) ? [] : reaper()
  const [file, ...args] = reaping ? ([...reaping, ...script] as typeof script) : script
  const variables = reaping ? env : { ...env, [UNREAPED]: '1' }
  // In the next tick, execve would warn that it is experimental. This process never reaches that tick.
  if (process.execve) process.execve(file, [file, ...args], variables)
  concealKey()
  const child = spawn(file, args, {
    cwd,
    env: variables,
    stdio: 'inherit',
    detached: true,
  })
  const forward = signalsTo(child)
  for (const signal of SIGNALS) process.on(signal, forward)
  const kept = keptSignal()
  if (kept) forward(kept)
  return new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)))
  })
}

/** Number of the system call prctl on Linux. */
const PRCTL: Partial<Record<NodeJS.Architecture, number>> = { x64: 157, arm64: 167 }
/** PR_SET_CHILD_SUBREAPER, an option of prctl that survives exec. */
const REAP = 36
const PERL = '/usr/bin/perl'

/**
 * Returns a command prefix. A program that is run with this prefix adopts orphans. The prefix is needed if
 * Node has no `execve`: Node then stays the first process, and reaps only its own children. Returns undefined
 * without Perl, which every Debian system has.
 */
function reaper(): [string, ...string[]] | undefined {
  const call = PRCTL[process.arch]
  if (call === undefined || !existsSync(PERL)) return undefined
  return [PERL, '-e', `syscall(${call}, ${REAP}, 1, 0, 0, 0); exec @ARGV`]
}

/** Moves the key from the arguments, which every user can read while the shell runs, to the environment. */
function withoutKey(started: Invocation): Invocation {
  const { rest, value: key } = withoutFlag(started.argv, '--key')
  if (key === undefined) return started
  return {
    ...started,
    // --key takes precedence over --key-file.
    argv: withoutFlag(rest, '--key-file').rest as Invocation['argv'],
    env: { ...started.env, FOMULAR_KEY: key },
  }
}

/** Removes a flag and its values. @returns the remaining words, and the last value of the flag */
function withoutFlag(words: string[], flag: string): { rest: string[]; value: string | undefined } {
  const rest: string[] = []
  let value: string | undefined
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (word === flag && i + 1 < words.length) value = words[++i]
    else if (word.startsWith(`${flag}=`)) value = word.slice(flag.length + 1)
    else rest.push(word)
  }
  return { rest, value }
}
