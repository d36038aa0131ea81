import { useState } from 'preact/hooks'
import type { HubMachine } from '../../protocol/hub-objects.ts'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { Check, DialogBar, Form } from '../parts/form.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { hrefOf } from '../route.ts'
import { hub } from '../session/session.ts'

/** A dialog that removes a machine, in a second step that names the deleted data. */
export function RemoveMachine({ machine, onClose }: { machine: HubMachine; onClose(): void }) {
  const [force, setForce] = useState(false)
  const { isSending, problem, send } = useSending(onClose)
  const submit = () =>
    send(async () => {
      const { revoked_keys } = await hub().removeMachine(machine.machine_id, { force })
      tell(
        revoked_keys > 0
          ? 'The machine is removed, and its key is no longer accepted.'
          : 'The machine is removed. No key was revoked, so check the keys.',
      )
      location.hash = hrefOf([])
    })
  return (
    <Dialog title="Remove the machine?" onClose={onClose}>
      <Form onSubmit={submit}>
        <p>
          This revokes the machine's key, and deletes the histories of its agents on the hub. It deletes
          nothing on the machine. It cannot be undone.
        </p>
        {machine.connected && (
          <Check
            label="The machine is connected. Remove it anyway, to lock it out."
            checked={force}
            onChange={setForce}
          />
        )}
        {problem}
        <DialogBar>
          <Button onClick={onClose}>Keep machine</Button>
          <Button look="danger" type="submit" disabled={isSending || (machine.connected && !force)}>
            {isSending ? 'Removing…' : 'Remove machine'}
          </Button>
        </DialogBar>
      </Form>
    </Dialog>
  )
}
