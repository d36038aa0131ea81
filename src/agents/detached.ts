import { type BigIntStats, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Agent } from './agent.ts'
import { endProcesses } from './strays.ts'

const WHY =
  'Its files were replaced while it ran, as by a backup that was restored: it was ended, since nothing it wrote could be read.'

const ending = new WeakSet<Agent>()

/**
 * Ends a running agent whose output no longer goes to its journal, because somebody has deleted or replaced the journal.
 * It hears nothing either, and would look idle for ever. Linux only.
 */
export function endDetached(agent: Agent) {
  if (!agent.process || ending.has(agent) || !isDetached(agent)) return
  ending.add(agent)
  // What it has written is still there for a daemon that has read it so far.
  while (agent.catchUp());
  agent.journal.close()
  void endProcesses([agent.process.agent])
  void agent
    .until(() => agent.runEnded)
    .then((ended) => {
      ending.delete(agent)
      if (ended) agent.explain(WHY)
    })
}

function isDetached({ process, folder }: Agent): boolean {
  const output = statOf(`/proc/${process?.agent.pid}/fd/1`)
  // A wrapper may have put a pipe in between.
  if (output === 'unknown' || !output?.isFile()) return false
  const journal = statOf(folder.journal)
  // Whether agents outlive a folder that was deleted as a whole is for their leases to say.
  if (journal === undefined) return existsSync(dirname(folder.journal))
  return journal !== 'unknown' && (journal.ino !== output.ino || journal.dev !== output.dev)
}

/** @returns undefined for what does not exist; `unknown` for what cannot be looked at, as on a disk with errors */
function statOf(path: string): BigIntStats | 'unknown' | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false })
  } catch {
    return 'unknown'
  }
}
