import { useState } from 'preact/hooks'
import type { HubKey } from '../../protocol/hub-keys.ts'
import { fleet } from '../fleet/fleet.ts'
import { nameOf } from '../fleet/machine-facts.ts'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { DialogBar, Form, TextField } from '../parts/form.tsx'
import { Name } from '../parts/name.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { hub } from '../session/session.ts'

interface KeyDialogProps {
  hubKey: HubKey
  onClose(): void
}

/** A dialog that assigns a machine's key to one machine. */
export function BindKey({ hubKey, onClose }: KeyDialogProps) {
  const [given, setGiven] = useState('')
  const { isSending, problem, send } = useSending(onClose)
  const machines = [...(fleet.value?.machines.values() ?? [])]
  const named = machines.filter((machine) => nameOf(machine) === given.trim())
  const id = named.length === 1 ? named[0]!.machine_id : given.trim()
  const submit = () =>
    send(async () => {
      const { revoked_keys } = await hub().bindKey(hubKey.key_id, id)
      tell(
        revoked_keys > 0
          ? `The key belongs to the machine. Its other keys (${revoked_keys}) are no longer accepted.`
          : 'The key belongs to the machine, and admits no other.',
      )
    })
  return (
    <Dialog title="Bind the key to a machine" onClose={onClose}>
      <Form onSubmit={submit}>
        <p>
          The key <Name text={hubKey.name} /> then admits only this machine, and the machine's other keys are
          revoked.
        </p>
        <TextField
          label="Machine"
          hint="Its name, or the complete id of a new machine."
          isRequired
          suggestions={machines.map(nameOf)}
          doubt={named.length > 1 ? 'Several machines have this name. Give the id.' : undefined}
          value={given}
          onChange={setGiven}
        />
        {problem}
        <DialogBar>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" disabled={isSending || named.length > 1}>
            Bind key
          </Button>
        </DialogBar>
      </Form>
    </Dialog>
  )
}
