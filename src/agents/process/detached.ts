import { type BigIntStats, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Agent } from '../agent.ts'
import { endProcesses } from './strays.ts'

const WHY =
  'Its files were replaced while it ran, for example when a backup was restored. The daemon ended the agent, because it could no longer read the output.'

const ending = new WeakSet<Agent>()

/**
 * Ends a running agent whose journal was deleted or replaced. The agent's output goes to the old file and the
 * agent gets no input, so it would look idle forever. Linux only.
 */
export function endDetached(agent: Agent) {
  if (!agent.process || ending.has(agent) || !isDetached(agent)) return
  ending.add(agent)
  // The old journal is still open, so read the agent's last output from it.
  while (agent.catchUp());
  agent.journal.close()
  void endProcesses([agent.process.agent])
  void agent
    .until(() => agent.hasRunEnded)
    .then((ended) => {
      ending.delete(agent)
      if (ended) agent.explain(WHY)
    })
}

function isDetached({ process, folder }: Agent): boolean {
  const output = statOf(`/proc/${process?.agent.pid}/fd/1`)
  // If a wrapper runs the agent, the output may be a pipe.
  if (output === 'unknown' || !output?.isFile()) return false
  const journal = statOf(folder.journal)
  // If the whole folder was deleted, the agent's lease determines what happens.
  if (journal === undefined) return existsSync(dirname(folder.journal))
  return journal !== 'unknown' && (journal.ino !== output.ino || journal.dev !== output.dev)
}

/**
 * @returns undefined if the path does not exist; `unknown` if the path cannot be examined, for example on a
 * disk with errors
 */
function statOf(path: string): BigIntStats | 'unknown' | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false })
  } catch {
    return 'unknown'
  }
}
