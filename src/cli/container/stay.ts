import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { concealKey } from '../../config/key.ts'
import type { Invocation } from '../../daemon/relaunch.ts'
import { keptSignal, signalSoFar, signalsTo } from '../../platform/early-signal.ts'
import { EXIT } from '../exit-codes.ts'
import { keepScript } from './keep-script.ts'
import { endsUnit } from './lone-unit.ts'
import { endsContainer, isKept, reapsOrphans, UNREAPED } from './main-process.ts'

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const

/**
 * As the main process of a container, or of a unit of systemd that starts nothing again, puts a shell in this program's
 * place that starts it anew, keeps it running, hands signals on to it and reaps what agents leave behind: the container
 * lasts through restarts and updates, and agents with it. Elsewhere, or once that shell is there, it does nothing.
 * @returns the exit code of the program that was started anew, where this process could not be replaced by the shell
 */
export async function stayInContainer(started: Invocation): Promise<number | undefined> {
  if (isKept(process.env) || !existsSync('/bin/sh')) return undefined
  if (!endsContainer() && !(await endsUnit(process.env))) return undefined
  // Nothing has begun that would have to be ended.
  if (await signalSoFar()) return EXIT.ok
  const { runner, argv, env, cwd } = withoutKey(started)
  const script: [string, ...string[]] = ['/bin/sh', '-c', keepScript, 'sh', ...runner, ...argv]
  // The shell reaps as process 1 or below one that does, unless this process stays above it.
  const reaping = process.execve && (process.pid === 1 || reapsOrphans()) ? [] : reaper()
  const [file, ...args] = reaping ? ([...reaping, ...script] as typeof script) : script
  const variables = reaping ? env : { ...env, [UNREAPED]: '1' }
  // It says that it is experimental, in the next tick: there is none.
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

/** Linux: number of the system call prctl. */
const PRCTL: Partial<Record<NodeJS.Architecture, number>> = { x64: 157, arm64: 167 }
/** Its PR_SET_CHILD_SUBREAPER, which outlasts the program that has asked for it. */
const REAP = 36
const PERL = '/usr/bin/perl'

/**
 * What runs a program so that orphans go to it. A Node that cannot be replaced stays the first process, and reaps only
 * what it has started itself. Undefined where there is no Perl, which every Debian has.
 */
function reaper(): [string, ...string[]] | undefined {
  const call = PRCTL[process.arch]
  if (call === undefined || !existsSync(PERL)) return undefined
  return [PERL, '-e', `syscall(${call}, ${REAP}, 1, 0, 0, 0); exec @ARGV`]
}

/** The shell's arguments can be read by everybody, for as long as it runs; its environment cannot. */
function withoutKey(started: Invocation): Invocation {
  const { rest, value: key } = withoutFlag(started.argv, '--key')
  if (key === undefined) return started
  return {
    ...started,
    // The key itself goes before a file with one.
    argv: withoutFlag(rest, '--key-file').rest as Invocation['argv'],
    env: { ...started.env, FOMULAR_KEY: key },
  }
}

/** @returns the words without a flag and its value, and the value that was the last one */
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
