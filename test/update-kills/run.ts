import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { sendSignal } from '../../src/platform/process-identity.ts'
import type { Outcome } from '../../src/protocol/index.ts'
import { standInAt } from '../../src/update/switch/trial.ts'
import type { Random } from '../chaos/random.ts'
import type { Installation } from '../support/installation.ts'
import type { TestRegistry } from '../support/registry.ts'
import type { Cleanup } from '../support/temp.ts'
import { until } from '../support/wait.ts'
import { type LayoutName, type Subject, subject } from './layouts.ts'

/**
 * Time after which the user restarts an unsupervised daemon, in milliseconds. The user does so only if
 * neither a successor nor a guard has started a new daemon.
 */
const NOBODY_MS = 1500

/**
 * Processes to kill: only the daemon; all processes except the hub and the agents; the guard of a trial; or
 * npm.
 */
const VICTIMS = ['daemon', 'everything', 'guard', 'npm'] as const
type Victim = (typeof VICTIMS)[number]

export interface Kill {
  layout: LayoutName
  victim: Victim
  /** Time of the kill since the start of the update, in milliseconds. */
  at_ms: number
  /** Number of killed processes. */
  hit: number
  /** Outcome of the update. */
  outcome: string
  /** Faults that were found; empty if the machine works. */
  faults: string[]
}

interface Options {
  registry: TestRegistry
  layout: LayoutName
  kills: number
  random: Random
  told(kill: Kill): void
}

/**
 * Kills updates of an installation at random moments, one after the other, and checks the result each time.
 */
export async function killUpdates(t: Cleanup, { registry, layout, kills, random, told }: Options) {
  const on = await subject(t, registry, layout)
  const { machine } = on
  const daemon = layout !== 'no daemon'
  const agent = daemon ? await machine.stage.start() : undefined
  const pid = agent && (await machine.stage.agent(agent)).pid
  if (daemon && !on.supervised) t.after(keep(on))
  // Duration of an update on this machine, from the command to the confirmation, in milliseconds.
  let usual = 4000
  for (let done = 0; done < kills; ) {
    const from = await machine.version(on.command)
    const to = from === '1.0.0' ? '1.1.0' : '1.0.0'
    const begun = performance.now()
    const ordered: Promise<Outcome | undefined> = daemon
      ? machine.order(to, { allow_downgrade: true })
      : machine.run(['update', to, '--allow-downgrade']).then(() => undefined)
    const at_ms = random.int(0, Math.round(usual * 1.1))
    await sleep(at_ms)
    const victim = random.pick(daemon ? VICTIMS : (['daemon', 'everything'] as const))
    const hit = strike(on, victim)
    const faults = [...check(await machine.version(on.command), 'right after the kill')]
    const outcome = await ordered
    if (outcome?.state === 'pending') faults.push('no outcome in time')
    const version = await machine.version(on.command)
    faults.push(...check(version, 'at the end'))
    if (standInAt(on.command)) faults.push('a version is still on trial')
    if (daemon) {
      const expected = outcome?.state === 'succeeded' ? to : from
      if (version !== expected) faults.push(`${outcome?.state}, but ${version} is installed`)
      await machine.runs(expected).catch((error) => faults.push(String(error.message)))
      const daemons = await until(() => machine.daemons().length === 1 && machine.daemons(), {
        what: 'one daemon alone',
      }).catch(() => machine.daemons())
      if (daemons.length !== 1) faults.push(`${daemons.length} daemons`)
      if ((await machine.stage.agent(agent!)).pid !== pid) faults.push('the agent has changed')
      const prompt = await machine.stage.command(agent!, 'prompt', { content: `after ${at_ms}` })
      if (prompt.state !== 'succeeded') faults.push(`the agent cannot be prompted: ${JSON.stringify(prompt)}`)
    }
    if (outcome?.state === 'succeeded' && hit === 0) usual = performance.now() - begun
    if (hit > 0) done++
    told({ layout, victim, at_ms, hit, outcome: outcome?.error?.code ?? outcome?.state ?? version, faults })
  }
}

const check = (version: string, when: string) =>
  version === '1.0.0' || version === '1.1.0' ? [] : [`${when} the command is broken: ${version}`]

/**
 * Kills processes by their identity, never by name. Kills the daemon if there is no guard or npm process at
 * that time.
 * @returns the number of killed processes
 */
function strike({ machine, hub }: Subject, victim: Victim): number {
  const own = machine.stage.processes().filter(({ pid }) => pid !== hub && !isAgent(pid))
  const those = (wanted: Victim) => own.filter(({ pid }) => isVictim(machine, wanted, pid))
  const chosen = those(victim)
  return (chosen.length > 0 ? chosen : those('daemon')).filter((process) => sendSignal(process, 'SIGKILL'))
    .length
}

function isVictim(machine: Installation, wanted: Victim, pid: number): boolean {
  const line = commandLine(pid)
  if (wanted === 'everything') return true
  if (wanted === 'guard') return line.includes('update-guard')
  // npm shows its arguments as a single string.
  if (wanted === 'npm') return /\bnpm\b.*[\0 ](view|pack)[\0 ]/s.test(line)
  return pid === machine.daemon?.pid || line.includes('\0update\0')
}

/**
 * Restarts an unsupervised daemon as its user would do, if no other process has restarted it. @returns a
 * function that stops these restarts
 */
function keep({ machine }: Subject): () => Promise<void> {
  let kept = true
  const loop = async () => {
    for (let seen = performance.now(); kept; await sleep(50)) {
      if (machine.stage.processes().some(({ pid }) => commandLine(pid).includes('\0--server-url\0')))
        seen = performance.now()
      else if (performance.now() - seen > NOBODY_MS) {
        machine.stage.run(machine.stage.daemonArgs(), {}, machine.stage.daemonCommand)
        seen = performance.now()
      }
    }
  }
  const ended = loop()
  return () => {
    kept = false
    return ended
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

function isAgent(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').includes('FOMULAR_AGENT=')
  } catch {
    return false
  }
}
