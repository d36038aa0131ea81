import { useState } from 'preact/hooks'
import type { FleetAgent } from '../../client/fleet-agent.ts'
import type { HubClient } from '../../client/hub-client.ts'
import type { HubMachine } from '../../protocol/hub-objects.ts'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { Check, DialogBar, Form } from '../parts/form.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { visible } from '../parts/visible.ts'
import { hrefOf } from '../route.ts'
import { foreseen } from './foreseen.ts'
import { giveOrder, isEnded } from './give-order.ts'

/** Maximum time for a removal, in seconds: a running agent is stopped first. */
const REMOVE_WAIT_S = 140

const DISCARD = { name: 'discard', body: { force: false } } as const

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
  const tree = agent.gone ? undefined : agent.worktree
  const [discards, setDiscards] = useState(false)
  const [refusal] = agent.gone
    ? []
    : [...foreseen(machine, 'agent:remove'), ...refusedDiscard(machine, discards)]
  const submit = () =>
    send(async () => {
      const late = discards ? await discardFirst(hub, agent, isRunning) : undefined
      if (late !== undefined) return tell(`${late} The agent is not removed.`)
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
        {tree && (
          <p>
            The working tree <bdi>{visible(tree.path ?? agent.cwd)}</bdi> and the branch{' '}
            <bdi>{visible(tree.branch)}</bdi> stay if they still exist, unless you remove them as well. Later,
            only git can remove them.
          </p>
        )}
        {tree && agent.connected && (
          <Check
            label="Also remove the working tree, if its work is merged."
            checked={discards}
            onChange={setDiscards}
          />
        )}
        {isRunning && (
          <Check label="The agent is running. Stop it first." checked={force} onChange={setForce} />
        )}
        {refusal && <p class="problem">{refusal.message}</p>}
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

const refusedDiscard = (machine: HubMachine | undefined, discards: boolean) =>
  discards ? foreseen(machine, 'agent:discard') : []

/**
 * Removes the working tree of an agent, which is stopped first.
 * @returns undefined once it is done, or a sentence that says why it is not done yet
 */
async function discardFirst(
  hub: HubClient,
  agent: FleetAgent,
  isRunning: boolean,
): Promise<string | undefined> {
  const orders = [...(isRunning ? [{ name: 'stop', body: {} } as const] : []), DISCARD]
  for (const order of orders) {
    let isDone = false
    const onDone = () => {
      isDone = true
    }
    const said = await giveOrder(hub, agent, { ...order, waitS: REMOVE_WAIT_S, done: '', onDone })
    if (!isDone) return said
  }
  return undefined
}
