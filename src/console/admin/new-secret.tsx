import type { NewKey } from '../../protocol/hub-keys.ts'
import { Button } from '../parts/button.tsx'
import { Copyable } from '../parts/copyable.tsx'
import { DialogBar } from '../parts/form.tsx'
import { Name } from '../parts/name.tsx'

/** The text of a new key, which is shown once. */
export function NewSecret({ made, onClose }: { made: NewKey; onClose(): void }) {
  return (
    <div class="form">
      {made.key === undefined ? (
        <p>The text of the new key is in a file of the hub's folder.</p>
      ) : (
        <>
          <p>
            This is the key <Name text={made.name} />. It is shown only now: the hub does not store it. Keep
            it like a password.
          </p>
          <Copyable text={made.key} label="Copy the key" />
        </>
      )}
      <DialogBar>
        <Button look="main" onClick={onClose}>
          Done
        </Button>
      </DialogBar>
    </div>
  )
}
