import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { DialogBar } from '../parts/form.tsx'
import { Name } from '../parts/name.tsx'
import { otherSession, session } from './session.ts'

/** Asks before a link replaces the person's session by a session of another key. */
export function OtherSessionDialog() {
  const other = otherSession.value
  if (!other || !session.value) return null
  const refuse = () => void other.refuse()
  return (
    <Dialog title="Sign in with another key?" onClose={refuse}>
      <p>
        You are signed in with the key <Name text={session.value.name} />. The link that you have opened signs
        you in with the key <Name text={other.name} />. Continue only if you have asked for this link: the
        owner of a key can see what is done with it.
      </p>
      <DialogBar>
        <Button onClick={() => void other.accept()}>Switch to this key</Button>
        <Button look="main" onClick={refuse}>
          Stay signed in
        </Button>
      </DialogBar>
    </Dialog>
  )
}
