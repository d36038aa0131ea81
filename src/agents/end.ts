import { mkdirSync } from 'node:fs'
import { readJson, writeAtomic } from '../platform/files.ts'
import { bootId, isAlive } from '../platform/process-identity.ts'
import { ownUid } from '../platform/process-list.ts'
import type { Agent } from './agent.ts'
import { launcherLine } from './decode.ts'
import { endDetached } from './detached.ts'
import { isForeign } from './foreign.ts'
import { uuidFrom } from './ids.ts'
import { releaseProgram } from './kept-program.ts'
import { signsOf } from './marks.ts'
import { ExitRecord } from './records.ts'
import type { Input } from './runtimes/runtime.ts'
import { endProcesses, endStrays, processesOf } from './strays.ts'
import { signal, terminate } from './terminate.ts'

/** How long a launcher may take from its claim to writing down its processes. */
const LAUNCH_GRACE_MS = 10_000

/**
 * Looks whether the processes of the agent's present run are still there, and writes the end into the journal where its
 * launcher could not: killed itself, gone with a reboot, or on a full disk.
 */
export function checkProcesses(agent: Agent) {
  if (agent.runEnded || agent.launching.queuedSince !== undefined) return
  const { process, folder, run } = agent
  if (isForeign(agent)) return
  if (process && isAlive(process.agent)) {
    // Nothing that is said to it arrives any more, not even that it is to end.
    if (agent.inbox.waiting && !isAlive(process.feeder)) terminate(process.agent)
    else endDetached(agent)
    return
  }
  if (process ? isAlive(process.launcher) : isRecent(run.launched_at)) return
  if (!process && processesOf(signsOf(agent)).length > 0) return
  // Its last words, the launcher's note of its end included, may just have been written.
  while (agent.catchUp());
  if (agent.runEnded) return
  const recorded = readJson(folder.exit, ExitRecord)
  const exit: Omit<ExitRecord, 'version'> =
    recorded.ok && recorded.value.run === run.run
      ? recorded.value
      : { run: run.run, ...(process && process.launcher.boot_id !== bootId() && { reason: 'rebooted' }) }
  noteEnd(agent, exit)
}

/** Records the end of the agent's present run in place of its launcher. */
function noteEnd(agent: Agent, exit: Omit<ExitRecord, 'version'>) {
  const { run, folder } = agent
  const { code, reason } = exit
  // Of a journal that was deleted or replaced, what follows is read all the same.
  agent.journal.extend(agent.snapshot.offset)
  // The launcher may not even have come to note the start.
  if (agent.snapshot.run !== run.run) agent.journal.append(launcherLine({ subtype: 'started', run: run.run }))
  agent.journal.append(
    launcherLine({
      subtype: 'exited',
      run: run.run,
      ...(code !== undefined && { code }),
      ...(reason && { reason }),
    }),
  )
  writeAtomic(folder.exit, JSON.stringify({ version: 1, ...exit }))
  while (agent.catchUp());
}

/** Ends an agent that is still queued for launch. No later daemon launches that run. */
export function endUnlaunched(agent: Agent, { cause }: Pick<StopOptions, 'cause'>) {
  mkdirSync(agent.folder.claim(agent.run.run), { recursive: true, mode: 0o700 })
  agent.beginStop(cause === 'rebooted' ? cause : 'stopped')
  noteEnd(agent, { run: agent.run.run })
}

const isRecent = (time: string) => Math.abs(Date.now() - Date.parse(time)) < LAUNCH_GRACE_MS

/** The launcher and its feeder end by themselves, the exit written down. */
const ownPids = ({ process }: Agent) => (process ? [process.launcher.pid, process.feeder.pid] : [])

/** Ends whatever an agent that has ended left behind: tool processes live in sessions of their own. */
export async function sweep(agent: Agent): Promise<number> {
  const count = await endStrays(signsOf(agent), ownPids(agent))
  releaseProgram(agent)
  return count
}

/** Seconds for the steps of a graceful stop where the command names none. */
export const GRACE_S = 5
/** How often a stop looks whether the process is still there, besides being told by the journal. */
const STEP_MS = 250
/** What is left of each step once somebody is in a hurry. */
const HURRIED_MS = 300

export interface StopOptions {
  /** What is said to the agent carries ids made of it: said again, it is heard once. */
  commandId: string
  /** Seconds for each step. */
  graceS?: number | undefined
  /** Aborted when the graces are to be short. */
  hurry?: AbortSignal | undefined
  /**
   * `rebooted`: the machine goes down. `recalled`: the next daemon starts the agent again. Neither interrupts the turn,
   * so that the agent can continue it.
   */
  cause?: 'stopped' | 'rebooted' | 'recalled'
}

/**
 * Ends an agent: interrupt, end of session, SIGTERM, SIGKILL, each with its grace, then a sweep of what it left behind.
 */
export async function stop(
  agent: Agent,
  { commandId, graceS = GRACE_S, hurry, cause = 'stopped' }: StopOptions,
): Promise<void> {
  const over = () => agent.runEnded
  const wait = async (ms: number, holds: () => boolean = over) => {
    if (!hurry?.aborted && (await agent.until(holds, ms, hurry))) return true
    return hurry?.aborted ? agent.until(holds, Math.min(ms, HURRIED_MS)) : holds()
  }
  if (over()) return
  const busy = agent.snapshot.state === 'working' || agent.snapshot.state === 'waiting'
  agent.beginStop(cause === 'rebooted' ? cause : 'stopped')
  const { runtime, run } = agent
  // While its parents live, a process that has dropped the agent's mark can still be told for the agent's.
  const family = processesOf(signsOf(agent))
  const graceMs = graceS * 1000
  const tell = (input: Input) => {
    try {
      agent.inbox.put(input)
      return true
    } catch {
      // A full disk: the signals need none.
      return false
    }
  }

  if (busy && cause === 'stopped') {
    const id = uuidFrom('stop-interrupt', commandId, run.run)
    if (tell(runtime.interrupt(id, { cancelQueued: true })))
      await wait(graceMs, () => over() || agent.reply(id) !== undefined)
  }
  const end = () => runtime.endSession(uuidFrom('stop-end', commandId, run.run))
  if (cause === 'stopped' && !over() && tell(end())) await wait(graceMs)
  for (const name of ['SIGTERM', 'SIGKILL'] as const) {
    let sent = false
    const steps = () => Math.ceil((hurry?.aborted ? HURRIED_MS : Math.max(graceMs, HURRIED_MS)) / STEP_MS)
    for (let i = 0; i < steps() && !over(); i++) {
      // An agent that is just being launched has no process to signal yet.
      if (!sent && agent.process && !isForeign(agent))
        sent = name === 'SIGTERM' ? terminate(agent.process.agent) : signal(agent.process.agent, name)
      await wait(STEP_MS)
      checkProcesses(agent)
    }
  }
  await endProcesses(family, { spared: ownPids(agent), user: ownUid() })
  if (over()) return
  // Its launcher is gone, or never came so far: what carries its mark is it.
  await sweep(agent)
  checkProcesses(agent)
}
