import { useEffect, useState } from 'preact/hooks'
import { agentKey, fleet } from '../fleet/fleet.ts'
import { Button } from '../parts/button.tsx'
import { DialogBar } from '../parts/form.tsx'
import { Problem } from '../parts/problem.tsx'
import { visible } from '../parts/visible.ts'
import { hub } from '../session/session.ts'
import { outcomeOf } from './outcome-of.ts'

/** A start that its machine has not carried out yet. */
export interface Starting {
  agent_id: string
  machine_id: string
  command_id: string
}

interface StartProgressProps {
  starting: Starting
  onStarted(agent: Starting): void
  /** Called when the person wants to change the failed start. */
  onBack(): void
  onClose(): void
}

/** Waits until an agent has started, and shows the reason for the wait. */
export function StartProgress({ starting, onStarted, onBack, onClose }: StartProgressProps) {
  const [problem, setProblem] = useState<Error & { remedy?: string }>()
  useEffect(() => {
    const aborter = new AbortController()
    outcomeOf(hub(), starting.command_id, { signal: aborter.signal }).then(
      () => {
        if (!aborter.signal.aborted) onStarted(starting)
      },
      (error: Error) => {
        if (!aborter.signal.aborted) setProblem(error)
      },
    )
    return () => aborter.abort()
  }, [starting.command_id])
  if (problem)
    return (
      <div class="form">
        <Problem error={problem} />
        <DialogBar>
          <Button onClick={onBack}>Change the settings</Button>
          <Button onClick={onClose}>Close</Button>
        </DialogBar>
      </div>
    )
  return (
    <div class="form">
      <p role="status" dir="auto">
        {visible(waitOf(starting))}
      </p>
      <p>You can close this. The agent starts without it, and then appears among the agents.</p>
      <DialogBar>
        <Button onClick={onClose}>Close</Button>
      </DialogBar>
    </div>
  )
}

function waitOf(starting: Starting): string {
  const { value } = fleet
  void value?.version.value
  const machine = value?.machines.get(starting.machine_id)
  if (machine && !machine.connected) return 'The machine is not connected. The agent starts once it connects.'
  const { queued, slow } = value?.agents.get(agentKey(starting)) ?? {}
  if (queued) {
    const place = queued.place === undefined ? '' : ` It is number ${queued.place} in the queue.`
    return `The agent waits for its launch.${place} ${queued.reason ?? ''} ${queued.remedy ?? ''}`.trim()
  }
  return slow ? `The start takes long: ${slow.detail}` : 'The machine starts the agent…'
}
