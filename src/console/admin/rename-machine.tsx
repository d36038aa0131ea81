import { useState } from 'preact/hooks'
import type { HubMachine } from '../../protocol/hub-objects.ts'
import { nameOf } from '../fleet/machine-facts.ts'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { DialogBar, Form, TextField } from '../parts/form.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { hub } from '../session/session.ts'

/** A dialog that gives a machine another name. */
export function RenameMachine({ machine, onClose }: { machine: HubMachine; onClose(): void }) {
  const [name, setName] = useState(nameOf(machine))
  const { isSending, problem, send } = useSending(onClose)
  const submit = () =>
    send(async () => {
      await hub().renameMachine(machine.machine_id, name.trim())
      tell('The machine is renamed.')
    })
  return (
    <Dialog title="Rename the machine" onClose={onClose}>
      <Form onSubmit={submit}>
        <TextField label="Name" isRequired maxLength={64} value={name} onChange={setName} />
        {problem}
        <DialogBar>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" disabled={isSending || name.trim() === nameOf(machine)}>
            Rename machine
          </Button>
        </DialogBar>
      </Form>
    </Dialog>
  )
}
