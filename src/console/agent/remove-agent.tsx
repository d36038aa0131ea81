import { useState } from 'preact/hooks'
import type { FleetAgent } from '../../client/follow-fleet.ts'
import type { HubClient } from '../../client/hub-client.ts'
import type { HubMachine } from '../../protocol/hub-objects.ts'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { Check, DialogBar, Form } from '../parts/form.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { hrefOf } from '../route.ts'
import { foreseen } from './foreseen.ts'
import { giveOrder, isEnded } from './give-order.ts'

/** Maximum time for a removal, in seconds: a running agent is stopped first. */
const REMOVE_WAIT_S = 140

interface RemoveAgentProps {
  hub: HubClient
  agent: FleetAgent
  machine: HubMachine | undefined
  onClose(): void
}

/** A dialog that removes an agent with its history, in a second step that names the deleted data. */
export function RemoveAgent({ hub, agent, machine, onClose }: RemoveAgentProps) {
  const [force, setForce] = useState(false)
  const { isSending, problem, send } = useSending(onClose)
  const isRunning = !isEnded(agent) && !agent.gone
  const [refusal] = agent.gone ? [] : foreseen(machine, 'agent:remove')
  const submit = () =>
    send(async () => {
      const order = { name: 'remove', waitS: REMOVE_WAIT_S, done: 'The agent is removed.' } as const
      tell(await giveOrder(hub, agent, { ...order, body: { force } }))
      location.hash = hrefOf([])
    })
  return (
    <Dialog title="Remove the agent?" onClose={onClose}>
      <Form onSubmit={submit}>
        <p>
          {agent.gone
            ? 'This deletes the history of the agent on the hub.'
            : 'This deletes the folder of the agent on its machine, and its history on the hub. The files that the agent changed stay unchanged.'}{' '}
          It cannot be undone.
        </p>
        {isRunning && (
          <Check label="The agent is running. Stop it first." checked={force} onChange={setForce} />
        )}
        {refusal && <p class="sending-problem">{refusal.message}</p>}
        {problem}
        <DialogBar>
          <Button onClick={onClose}>Keep agent</Button>
          <Button
            look="danger"
            type="submit"
            disabled={isSending || (isRunning && !force) || refusal !== undefined}
          >
            {isSending ? 'Removing…' : 'Remove agent'}
          </Button>
        </DialogBar>
      </Form>
    </Dialog>
  )
}
