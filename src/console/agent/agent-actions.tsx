import { useState } from 'preact/hooks'
import type { FleetAgent } from '../../client/fleet-agent.ts'
import type { HubClient } from '../../client/hub-client.ts'
import { fleet } from '../fleet/fleet.ts'
import { Button } from '../parts/button.tsx'
import { tell, tellProblem } from '../parts/notices.tsx'
import { may } from '../session/session.ts'
import { AgentSettings, DiscardBranch, RemoveAgent, ResumeAgent } from './dialogs-later.ts'
import { foreseen } from './foreseen.ts'
import { giveOrder, isEnded } from './give-order.ts'
import './agent-actions.css'

/** Maximum time until an agent is interrupted, in seconds. */
const INTERRUPT_WAIT_S = 30
/** Maximum time for a merge, in seconds. */
const MERGE_WAIT_S = 120
/** Maximum time until an agent has stopped, in seconds, with its grace periods. */
const STOP_WAIT_S = 140

interface AgentActionsProps {
  hub: HubClient
  /** The agent, as its latest status says. */
  agent: FleetAgent
}

/** Buttons for an agent, as the person's role and the state of the agent permit. */
export function AgentActions({ hub, agent }: AgentActionsProps) {
  const [busy, setBusy] = useState<'interrupt' | 'stop' | 'merge'>()
  const [isOpen, setOpen] = useState(false)
  const [dialog, setDialog] = useState<'resume' | 'settings' | 'discard' | 'remove'>()
  void fleet.value?.version.value
  if (!may('operator')) return null
  const machine = fleet.value?.machines.get(agent.machine_id)
  const run = async (name: 'interrupt' | 'stop' | 'merge', waitS: number, done: string) => {
    setBusy(name)
    try {
      tell(await giveOrder(hub, agent, { name, body: {}, waitS, done }))
    } catch (error) {
      tellProblem(error)
    }
    setBusy(undefined)
  }
  const ended = isEnded(agent)
  const isBusy = agent.state === 'working' || agent.state === 'waiting' || agent.state === 'starting'
  const off = !agent.connected && !agent.gone
  const refused = foreseen(machine, ended ? 'agent:resume' : 'agent:configure')
  const [refusedMerge] = agent.worktree ? foreseen(machine, 'agent:merge') : []
  const props = { hub, agent, machine, onClose: () => setDialog(undefined) }
  return (
    <div class="agent-actions">
      {!ended && !agent.gone && (
        <Button
          disabled={busy !== undefined || off || !isBusy}
          onClick={() => void run('interrupt', INTERRUPT_WAIT_S, 'The turn is interrupted.')}
        >
          {busy === 'interrupt' ? 'Interrupting…' : 'Interrupt'}
        </Button>
      )}
      <button
        type="button"
        class="button agent-actions-fold"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        More
      </button>
      <div class={isOpen ? 'agent-actions-more agent-actions-open' : 'agent-actions-more'}>
        {!ended && !agent.gone && (
          <>
            <Button
              disabled={busy !== undefined || agent.state === 'stopping'}
              onClick={() => void run('stop', STOP_WAIT_S, 'The agent has stopped.')}
            >
              {busy === 'stop' || agent.state === 'stopping' ? 'Stopping…' : 'Stop agent'}
            </Button>
            <Button disabled={off || refused.length > 0} onClick={() => setDialog('settings')}>
              Settings…
            </Button>
          </>
        )}
        {ended && !agent.gone && (
          <Button disabled={refused.length > 0} onClick={() => setDialog('resume')}>
            Resume…
          </Button>
        )}
        {agent.worktree && !agent.gone && (
          <Button
            disabled={busy !== undefined || off || refusedMerge !== undefined}
            onClick={() => void run('merge', MERGE_WAIT_S, 'The branch is merged.')}
          >
            {busy === 'merge' ? 'Merging…' : 'Merge branch'}
          </Button>
        )}
        {agent.worktree && ended && !agent.gone && (
          <Button disabled={off} onClick={() => setDialog('discard')}>
            Remove working tree…
          </Button>
        )}
        <Button look="danger" onClick={() => setDialog('remove')}>
          Remove…
        </Button>
        {off && (
          <p class="agent-actions-note">
            The machine is not connected. The hub keeps commands until it connects.
            {!ended && ' An interrupt and new settings are possible only then.'}
          </p>
        )}
        {refused.map(({ key, message }) => (
          <p key={key} class="agent-actions-note">
            {message}
          </p>
        ))}
      </div>
      {dialog === 'resume' && <ResumeAgent {...props} />}
      {dialog === 'settings' && <AgentSettings {...props} />}
      {dialog === 'discard' && <DiscardBranch {...props} />}
      {dialog === 'remove' && <RemoveAgent {...props} />}
    </div>
  )
}
