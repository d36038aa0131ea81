import { Button } from '../parts/button.tsx'
import { Name } from '../parts/name.tsx'
import { hrefOf } from '../route.ts'
import { session, signOut } from './session.ts'
import './person.css'

/** Name and role of the person who is signed in, and a button to sign out. */
export function Person() {
  const person = session.value
  if (!person) return null
  return (
    <div class="person">
      <a href={hrefOf(['sessions'])}>
        <Name text={person.name} />
        <span class="person-role">{person.role}</span>
        <span class="unseen">: sessions</span>
      </a>
      <Button look="quiet" onClick={() => void signOut()}>
        Sign out
      </Button>
    </div>
  )
}
