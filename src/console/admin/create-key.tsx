import { useState } from 'preact/hooks'
import type { NewKey } from '../../protocol/hub-keys.ts'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { DialogBar, Form, Select, TextField } from '../parts/form.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { hub } from '../session/session.ts'
import { NewSecret } from './new-secret.tsx'

const ROLES = [
  ['viewer', 'viewer: reads machines and agents'],
  ['operator', 'operator: also controls agents'],
  ['admin', 'admin: also manages machines, keys, and updates'],
  ['machine', "machine: a daemon's key"],
] as const

/** A dialog that creates a key. */
export function CreateKey({ onClose }: { onClose(): void }) {
  const [name, setName] = useState('')
  const [role, setRole] = useState('viewer')
  const [made, setMade] = useState<NewKey>()
  const { isSending, problem, send } = useSending(() => {})
  const submit = () => send(async () => setMade(await hub().createKey({ name: name.trim(), role })))
  return (
    <Dialog title={made ? 'The new key' : 'Create a key'} onClose={onClose}>
      {made ? (
        <NewSecret made={made} onClose={onClose} />
      ) : (
        <Form onSubmit={submit}>
          <TextField
            label="Name"
            hint="Shown in lists and in the audit log, for example the name of its owner."
            isRequired
            maxLength={64}
            value={name}
            onChange={setName}
          />
          <Select label="Role" value={role} onChange={setRole} choices={ROLES} />
          {role === 'machine' && (
            <p class="form-hint">
              A machine usually makes its own key, with the line from “Add a machine”. This key belongs to the
              first machine that uses it.
            </p>
          )}
          {problem}
          <DialogBar>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="main" type="submit" disabled={isSending}>
              Create key
            </Button>
          </DialogBar>
        </Form>
      )}
    </Dialog>
  )
}
