import { useRef, useState } from 'preact/hooks'
import type { FleetAgent } from '../../client/fleet-agent.ts'
import type { HubClient } from '../../client/hub-client.ts'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { DialogBar, Form } from '../parts/form.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { CommandIds } from './command-ids.ts'
import { giveOrder } from './give-order.ts'
import { contentOf, contentProblem, EMPTY_DRAFT } from './prompt-content.ts'
import { PromptField } from './prompt-field.tsx'

/** Maximum time until the agent's process runs, in seconds. */
const RESUME_WAIT_S = 60

interface ResumeAgentProps {
  hub: HubClient
  agent: FleetAgent
  onClose(): void
}

/** A dialog that starts an ended agent again, in the same conversation. */
export function ResumeAgent({ hub, agent, onClose }: ResumeAgentProps) {
  const [draft, setDraft] = useState(EMPTY_DRAFT)
  const ids = useRef(new CommandIds())
  const { isSending, problem, send } = useSending(onClose)
  const content = contentOf(draft)
  const submit = () =>
    send(async () => {
      const tooBig = content === undefined ? undefined : contentProblem(content)
      if (tooBig !== undefined) throw new Error(tooBig)
      const body = content === undefined ? {} : { prompt: content }
      const order = { name: 'resume', waitS: RESUME_WAIT_S, done: 'The agent runs again.' } as const
      const said = await ids.current.send(body, (command_id) =>
        giveOrder(hub, agent, { ...order, body: { ...body, command_id } }),
      )
      tell(said)
    })
  return (
    <Dialog title="Resume the agent" onClose={onClose}>
      <Form onSubmit={submit}>
        <PromptField
          label="Prompt to continue with (optional)"
          isLabeled
          rows={4}
          isFixed={isSending}
          draft={draft}
          onDraft={setDraft}
        />
        {problem}
        <DialogBar>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" disabled={isSending}>
            {isSending ? 'Starting…' : 'Resume agent'}
          </Button>
        </DialogBar>
      </Form>
    </Dialog>
  )
}
