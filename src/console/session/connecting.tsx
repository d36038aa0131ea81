import { signInTrouble } from './session.ts'
import './sign-in.css'

/** The page that is shown until the hub has said who is signed in. */
export function Connecting() {
  const trouble = signInTrouble.value
  return (
    <main class="sign-in">
      {trouble === undefined ? (
        <p role="status">Connecting…</p>
      ) : (
        <p role="alert">{trouble.message} The page tries again until the hub answers.</p>
      )}
    </main>
  )
}
