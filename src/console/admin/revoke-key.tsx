import type { HubKey } from '../../protocol/hub-keys.ts'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { DialogBar, Form } from '../parts/form.tsx'
import { Name } from '../parts/name.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { hub, session } from '../session/session.ts'

interface KeyDialogProps {
  hubKey: HubKey
  onClose(): void
}

/** A dialog that revokes a key. */
export function RevokeKey({ hubKey, onClose }: KeyDialogProps) {
  const { key_id, name, role } = hubKey
  const { isSending, problem, send } = useSending(onClose)
  const submit = () =>
    send(async () => {
      await hub().revokeKey(key_id)
      tell('The key is no longer accepted.')
    })
  return (
    <Dialog title="Revoke the key?" onClose={onClose}>
      <Form onSubmit={submit}>
        <p>
          The key <Name text={name} /> is no longer accepted, and its connections end.{' '}
          {role === 'machine' ? 'Its machine can connect again only with another key.' : ''} It cannot be
          undone.
        </p>
        {session.value?.key_id === key_id && (
          <p class="form-doubt">You are signed in with this key. You will be signed out.</p>
        )}
        {problem}
        <DialogBar>
          <Button onClick={onClose}>Keep key</Button>
          <Button look="danger" type="submit" disabled={isSending}>
            Revoke key
          </Button>
        </DialogBar>
      </Form>
    </Dialog>
  )
}
