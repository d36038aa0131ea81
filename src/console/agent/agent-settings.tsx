import { useState } from 'preact/hooks'
import type { FleetAgent } from '../../client/fleet-agent.ts'
import type { HubClient } from '../../client/hub-client.ts'
import type { HubMachine } from '../../protocol/hub-objects.ts'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { DialogBar, Form, Select, TextField } from '../parts/form.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { giveOrder } from './give-order.ts'
import { choiceOf, modesOf, ON_LIMIT } from './permission-modes.ts'

/** Maximum time until the agent has new settings, in seconds. */
const CONFIGURE_WAIT_S = 30

interface AgentSettingsProps {
  hub: HubClient
  agent: FleetAgent
  machine: HubMachine | undefined
  onClose(): void
}

/** A dialog that changes the settings of a running agent. */
export function AgentSettings({ hub, agent, machine, onClose }: AgentSettingsProps) {
  const [model, setModel] = useState(agent.model ?? '')
  const [mode, setMode] = useState(agent.permission_mode ?? '')
  const [limit, setLimit] = useState(agent.on_limit ?? 'show')
  const { isSending, problem, send } = useSending(onClose)
  const changes = {
    ...(model.trim() !== '' && model.trim() !== agent.model && { model: model.trim() }),
    ...(mode !== '' && mode !== agent.permission_mode && { permission_mode: mode }),
    ...(limit !== (agent.on_limit ?? 'show') && { on_limit: limit }),
  }
  const submit = () =>
    send(async () => {
      const order = { name: 'configure', waitS: CONFIGURE_WAIT_S, done: 'The settings are changed.' } as const
      tell(await giveOrder(hub, agent, { ...order, body: changes }))
    })
  return (
    <Dialog title="Settings of the agent" onClose={onClose}>
      <Form onSubmit={submit}>
        <TextField
          label="Model"
          hint="An alias such as opus or sonnet, or a full name."
          value={model}
          onChange={setModel}
        />
        <Select
          label="Permission mode"
          value={mode}
          onChange={setMode}
          choices={[
            ...(agent.permission_mode === undefined ? [['', 'Do not change it'] as const] : []),
            ...modesOf(machine?.status.policy, agent.permission_mode).map(choiceOf),
          ]}
        />
        <Select
          label="When the usage limit of the account ends a turn"
          value={limit}
          onChange={setLimit}
          choices={Object.entries(ON_LIMIT)}
        />
        {problem}
        <DialogBar>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" disabled={isSending || Object.keys(changes).length === 0}>
            {isSending ? 'Changing…' : 'Change settings'}
          </Button>
        </DialogBar>
      </Form>
    </Dialog>
  )
}
