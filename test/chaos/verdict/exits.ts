import type { Event } from '../../../src/protocol/index.ts'
import type { ProcessTruth } from '../truth.ts'
import type { Case, Judge } from './judge.ts'

const KILLED = 128 + 9
const TERMINATED = 128 + 15

/** The end of every process is reported once, with the true exit code. */
export const exits: Judge = (agent) => {
  if (!agent.history || agent.setBack !== undefined) return []
  const reported = agent.history.filter((event) => event.kind === 'process_exited')
  return agent.processes.flatMap((process) => {
    const own = reported.filter(({ run }) => run === process.run)
    if (own.length !== 1) return [`run ${process.run}: ${own.length} ends reported`]
    return judgeCode(agent, process, own[0]!)
  })
}

/** @returns the problems with the exit code that was reported for a process */
export function judgeCode(
  agent: Case,
  { run, exit }: ProcessTruth,
  { code }: Event & { kind: 'process_exited' },
): string[] {
  const killed = (part: string) => agent.kills.some((kill) => kill.run === run && kill.part === part)
  // Without a launcher, or with a full disk, no code could be reported.
  if (code === undefined)
    return killed('launcher') || agent.diskWasFull
      ? []
      : [`run ${run} ended with ${exit ?? 'a kill'}, but no code was reported`]
  // The process may be killed while it exits, and a killed process records nothing.
  const possible = exit === undefined ? [KILLED, TERMINATED] : killed('agent') ? [exit, KILLED] : [exit]
  return possible.includes(code)
    ? []
    : [`run ${run} ended with ${exit ?? 'a kill'}, but ${code} was reported`]
}
