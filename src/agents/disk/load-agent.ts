import { clearTemporary, setAside } from '../../platform/files.ts'
import { ownUid } from '../../platform/process-list.ts'
import { Agent } from '../agent.ts'
import type { AgentContext } from '../agent-context.ts'
import { runtimeOf } from '../checks.ts'
import { readSigns } from '../process/marks.ts'
import { endStrays } from '../process/strays.ts'
import type { RuntimeAdapter } from '../runtimes/runtime.ts'
import { agentFolder } from './folder.ts'
import { readRecord } from './read-record.ts'
import { RunRecord, SpecRecord } from './records.ts'

export interface LoadOptions {
  runtimes: Record<string, RuntimeAdapter>
  context: AgentContext<Agent>
  /** Called when an unreadable folder was renamed. */
  onDamaged(path: string): void
}

/** Reads an agent from its folder. @returns undefined if the folder is damaged; the folder is then renamed */
export function loadAgent(dir: string, { runtimes, context, onDamaged }: LoadOptions): Agent | undefined {
  const folder = agentFolder(dir)
  const record = readRecord(folder.spec, SpecRecord)
  const run = readRecord(folder.run, RunRecord)
  if (!record.ok || !run.ok) {
    const signs = readSigns(folder.real, ownUid())
    onDamaged(setAside(dir))
    // End the agent's processes, because no later daemon could find them without the folder.
    if (signs) void endStrays(signs)
    return undefined
  }
  const runtime = runtimeOf(runtimes, record.value.spec.runtime)
  const agent = new Agent({ folder, record: record.value, run: run.value, runtime }, context)
  // Do this after the inbox was opened, because opening it completes operations that a killed daemon had
  // begun.
  clearTemporary(dir)
  return agent
}
