import { writeFileSync } from 'node:fs'
import { writeAtomic } from '../../platform/files.ts'
import { bootId, isAlive } from '../../platform/process-identity.ts'
import type { Agent } from '../agent.ts'
import { readRecord } from '../disk/read-record.ts'
import { ExitRecord } from '../disk/records.ts'
import { launcherLine } from '../events/decode.ts'
import { uuidFrom } from '../events/ids.ts'
import type { Input } from '../runtimes/conversation.ts'
import { endDetached } from './detached.ts'
import { isForeign } from './foreign-run.ts'
import { releaseProgram } from './kept-program.ts'
import { isLaunched } from './launch.ts'
import { signsOf } from './marks.ts'
import { endProcesses, endStrays, processesOf } from './strays.ts'
import { signal, terminate } from './terminate.ts'

/** Maximum time from the launch of a run until its launcher has recorded the processes, in ms. */
const LAUNCH_GRACE_MS = 10_000

/**
 * Checks that the processes of the agent's current run are alive. If the launcher could not write the end of
 * the run into the journal, writes it. The launcher may have been killed, the machine rebooted, or the disk
 * full.
 */
export function checkProcesses(agent: Agent) {
  if (agent.hasRunEnded || agent.launching.queued !== undefined) return
  const { process, folder, run } = agent
  if (isForeign(agent)) return
  if (process && isAlive(process.agent)) {
    // Without its feeder, the agent gets no input, not even the request to end its session.
    if (agent.inbox.waiting && !isAlive(process.feeder)) terminate(process.agent)
    else endDetached(agent)
    return
  }
  if (process ? isAlive(process.launcher) : isRecent(run.launched_at)) return
  if (!process && processesOf(signsOf(agent)).length > 0) return
  // First read the newest lines, because the launcher may just have recorded the end.
  while (agent.catchUp());
  if (agent.hasRunEnded) return
  const recorded = readRecord(folder.exit, ExitRecord)
  const exit: Omit<ExitRecord, 'version'> =
    recorded.ok && recorded.value.run === run.run
      ? recorded.value
      : { run: run.run, ...(process && process.launcher.boot_id !== bootId() && { reason: 'rebooted' }) }
  noteEnd(agent, exit)
}

/** Records the end of the agent's current run, because its launcher no longer can. */
function noteEnd(agent: Agent, exit: Omit<ExitRecord, 'version'>) {
  const { run, folder } = agent
  const { code, reason } = exit
  // The lines below are appended to the journal. Keep them readable even if the journal was deleted or
  // replaced.
  agent.journal.extend(agent.snapshot.offset)
  // If this daemon is killed, the next daemon must know the journal's end before these lines: in a restored
  // backup, a server can have more than that, but not these lines.
  agent.save()
  // The launcher may also have failed to record the run's start.
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

/** Ends an agent that is still queued for launch. Later daemons do not launch this run. */
export function endUnlaunched(agent: Agent, { cause }: Pick<StopOptions, 'cause'>) {
  if (!isLaunched(agent)) writeFileSync(agent.folder.claim(agent.run.run), '', { flag: 'a', mode: 0o600 })
  agent.beginStop(cause === 'rebooted' ? cause : 'stopped')
  noteEnd(agent, { run: agent.run.run })
}

const isRecent = (time: string) => Math.abs(Date.now() - Date.parse(time)) < LAUNCH_GRACE_MS

/** Returns the pids of the launcher and its feeder. Both end by themselves after the exit is recorded. */
const ownPids = ({ process }: Agent) => (process ? [process.launcher.pid, process.feeder.pid] : [])

/**
 * Ends the processes that an ended agent left behind. Its tools run in separate Unix sessions, and can
 * outlive it.
 */
export async function sweepProcesses(agent: Agent): Promise<number> {
  const count = await endStrays(signsOf(agent), ownPids(agent))
  releaseProgram(agent)
  return count
}

/** Default duration of each step of a graceful stop, in seconds. */
export const GRACE_S = 5
/** Interval at which a stop checks the agent's process, in ms. The stop also reads the journal. */
const STEP_MS = 250
/** Maximum duration of each step after `hurry` was aborted, in ms. */
const HURRIED_MS = 300

export interface StopOptions {
  /** Id from which the ids of inputs are derived, so that a repeated stop does not repeat its inputs. */
  commandId: string
  /** Duration of each step, in seconds. */
  graceS?: number | undefined
  /** Abort signal that shortens the remaining steps. */
  hurry?: AbortSignal | undefined
  /**
   * `rebooted`: the machine is shutting down. `recalled`: the next daemon starts the agent again. With
   * `rebooted` and `recalled`, the turn is not interrupted, so that the agent can continue it.
   */
  cause?: 'stopped' | 'rebooted' | 'recalled'
}

/**
 * Stops an agent step by step, each with a grace period: interrupts its turn, ends its session, sends
 * SIGTERM, sends SIGKILL. Then ends the agent's leftover processes.
 */
export async function stop(
  agent: Agent,
  { commandId, graceS = GRACE_S, hurry, cause = 'stopped' }: StopOptions,
): Promise<void> {
  const over = () => agent.hasRunEnded
  const wait = async (ms: number, holds: () => boolean = over) => {
    if (!hurry?.aborted && (await agent.until(holds, ms, hurry))) return true
    return hurry?.aborted ? agent.until(holds, Math.min(ms, HURRIED_MS)) : holds()
  }
  if (over()) return
  const busy = agent.snapshot.state === 'working' || agent.snapshot.state === 'waiting'
  agent.beginStop(cause === 'rebooted' ? cause : 'stopped')
  const { runtime, run } = agent
  // Search now: even a process that has cleared its environment can be found while its parent processes are
  // alive.
  const family = processesOf(signsOf(agent))
  const graceMs = graceS * 1000
  const tell = (input: Input) => {
    try {
      agent.inbox.put(input)
      return true
    } catch {
      // The disk is full. The stop continues with signals, which need no disk space.
      return false
    }
  }

  if (busy && cause === 'stopped') {
    const id = uuidFrom('stop-interrupt', commandId, run.run)
    if (tell(runtime.interrupt(id, { cancelQueued: true }, agent.snapshot.conversation)))
      await wait(graceMs, () => over() || agent.reply(id) !== undefined)
  }
  const end = () => runtime.endSession(uuidFrom('stop-end', commandId, run.run), agent.snapshot.conversation)
  if (cause === 'stopped' && !over() && tell(end())) await wait(graceMs)
  for (const name of ['SIGTERM', 'SIGKILL'] as const) {
    let sent = false
    const steps = () => Math.ceil((hurry?.aborted ? HURRIED_MS : Math.max(graceMs, HURRIED_MS)) / STEP_MS)
    for (let i = 0; i < steps() && !over(); i++) {
      // An agent that is being launched has no process to signal yet.
      if (!sent && agent.process && !isForeign(agent))
        sent = name === 'SIGTERM' ? terminate(agent.process.agent) : signal(agent.process.agent, name)
      await wait(STEP_MS)
      checkProcesses(agent)
    }
  }
  await endProcesses(family, { spared: ownPids(agent), users: signsOf(agent).users })
  if (over()) return
  // The launcher has died or recorded no processes, so find the processes by the agent's mark.
  await sweepProcesses(agent)
  checkProcesses(agent)
}
