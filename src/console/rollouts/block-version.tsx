import { useState } from 'preact/hooks'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { DialogBar, Form, TextField } from '../parts/form.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { hub } from '../session/session.ts'

interface BlockVersionProps {
  /** Version of the rollout from which the dialog was opened. */
  version?: string
  onClose(): void
}

/** A dialog that blocks a version on all machines. */
export function BlockVersion({ version: given = '', onClose }: BlockVersionProps) {
  const [version, setVersion] = useState(given)
  const [reason, setReason] = useState('')
  const { isSending, problem, send } = useSending(onClose)
  const submit = () =>
    send(async () => {
      await hub().rollouts.block(version.trim(), reason.trim() || undefined)
      tell(`Version ${version.trim()} is blocked.`)
    })
  return (
    <Dialog title="Block a version?" onClose={onClose}>
      <Form onSubmit={submit}>
        <p>
          The hub then orders this version nowhere, and its rollouts halt. Machines that already run it keep
          it until you roll them back or update them.
        </p>
        <TextField
          label="Version"
          hint="An exact version."
          isRequired
          value={version}
          onChange={setVersion}
        />
        <TextField
          label="Reason"
          hint="People who order this version see it."
          value={reason}
          onChange={setReason}
          maxLength={200}
        />
        {problem}
        <DialogBar>
          <Button onClick={onClose}>Close</Button>
          <Button look="danger" type="submit" disabled={isSending}>
            Block version
          </Button>
        </DialogBar>
      </Form>
    </Dialog>
  )
}
