import type { Event } from '../../../src/protocol/index.ts'
import type { ProcessTruth } from '../truth.ts'
import type { Case, Judge } from './judge.ts'

const KILLED = 128 + 9
const TERMINATED = 128 + 15

/** Every process's end is reported once, with its true code. */
export const exits: Judge = (agent) => {
  if (!agent.history || agent.setBack !== undefined) return []
  const reported = agent.history.filter((event) => event.kind === 'process_exited')
  return agent.processes.flatMap((process) => {
    const own = reported.filter(({ run }) => run === process.run)
    if (own.length !== 1) return [`run ${process.run}: ${own.length} ends reported`]
    return judgeCode(agent, process, own[0]!)
  })
}

/** @returns what is wrong with the code that was reported for a process */
export function judgeCode(
  agent: Case,
  { run, exit }: ProcessTruth,
  { code }: Event & { kind: 'process_exited' },
): string[] {
  const killed = (part: string) => agent.kills.some((kill) => kill.run === run && kill.part === part)
  // Whoever was to report it was killed, or had nowhere to write it: then no code is the truth.
  if (code === undefined)
    return killed('launcher') || agent.diskWasFull
      ? []
      : [`run ${run} ended with ${exit ?? 'a kill'}, and no code was reported`]
  // It may be killed on its way out; one that was killed says nothing.
  const possible = exit === undefined ? [KILLED, TERMINATED] : killed('agent') ? [exit, KILLED] : [exit]
  return possible.includes(code) ? [] : [`run ${run} ended with ${exit ?? 'a kill'}, reported was ${code}`]
}
