import { useState } from 'preact/hooks'
import type { HubKey, NewKey } from '../../protocol/hub-keys.ts'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { DialogBar, Form } from '../parts/form.tsx'
import { Name } from '../parts/name.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { hub, session } from '../session/session.ts'
import { NewSecret } from './new-secret.tsx'

interface KeyDialogProps {
  hubKey: HubKey
  onClose(): void
}

/** A dialog that replaces a key with a new key of the same name and role. */
export function RotateKey({ hubKey, onClose }: KeyDialogProps) {
  const { key_id, name, role } = hubKey
  const [made, setMade] = useState<NewKey>()
  const { isSending, problem, send } = useSending(() => {})
  return (
    <Dialog title={made ? 'The new key' : 'Rotate the key?'} onClose={onClose}>
      {made ? (
        <NewSecret made={made} onClose={onClose} />
      ) : (
        <Form onSubmit={() => send(async () => setMade(await hub().rotateKey(key_id)))}>
          <p>
            The key <Name text={name} /> gets a new text.{' '}
            {role === 'machine'
              ? 'The old text is accepted until the machine has connected with the new one.'
              : 'The old text is no longer accepted.'}
          </p>
          {session.value?.key_id === key_id && (
            <p class="form-doubt">You are signed in with this key, and may have to sign in again.</p>
          )}
          {problem}
          <DialogBar>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="main" type="submit" disabled={isSending}>
              Rotate key
            </Button>
          </DialogBar>
        </Form>
      )}
    </Dialog>
  )
}
