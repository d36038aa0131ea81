import { useState } from 'preact/hooks'
import type { FleetAgent } from '../../client/fleet-agent.ts'
import type { HubClient } from '../../client/hub-client.ts'
import type { HubMachine } from '../../protocol/hub-objects.ts'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { Check, DialogBar, Form } from '../parts/form.tsx'
import { Name } from '../parts/name.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { foreseen } from './foreseen.ts'
import { giveOrder } from './give-order.ts'

/** Maximum time for the removal of a working tree, in seconds. */
const DISCARD_WAIT_S = 120

interface DiscardBranchProps {
  hub: HubClient
  agent: FleetAgent
  machine: HubMachine | undefined
  onClose(): void
}

/** A dialog that removes an agent's working tree and its branch. */
export function DiscardBranch({ hub, agent, machine, onClose }: DiscardBranchProps) {
  const [force, setForce] = useState(false)
  const { isSending, problem, send } = useSending(onClose)
  const [refusal] = foreseen(machine, 'agent:discard')
  const submit = () =>
    send(async () => {
      const order = { name: 'discard', waitS: DISCARD_WAIT_S, done: 'The working tree is removed.' } as const
      tell(await giveOrder(hub, agent, { ...order, body: { force } }))
    })
  return (
    <Dialog title="Remove the working tree?" onClose={onClose}>
      <Form onSubmit={submit}>
        <p>
          This deletes the folder of the agent, and the branch <Name text={agent.worktree?.branch ?? ''} /> if
          it was made for the agent. The agent can then not be resumed.
        </p>
        <Check
          label="Also delete changes that are not committed or not merged, and files that git ignores."
          checked={force}
          onChange={setForce}
        />
        {refusal && <p class="problem">{refusal.message}</p>}
        {problem}
        <DialogBar>
          <Button onClick={onClose}>Keep it</Button>
          <Button look="danger" type="submit" disabled={isSending || refusal !== undefined}>
            {isSending ? 'Removing…' : 'Remove working tree'}
          </Button>
        </DialogBar>
      </Form>
    </Dialog>
  )
}
