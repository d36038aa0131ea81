import { useState } from 'preact/hooks'
import { Button } from '../parts/button.tsx'
import { signedOutBecause, signIn } from './session.ts'
import './sign-in.css'

/** The page on which a person signs in with a user key. */
export function SignIn() {
  const [key, setKey] = useState('')
  const [problem, setProblem] = useState<string>()
  const [busy, setBusy] = useState(false)
  const submit = async (event: Event) => {
    event.preventDefault()
    setBusy(true)
    setProblem(undefined)
    try {
      await signIn(key.trim())
    } catch (error) {
      const { message, remedy } = error as Error & { remedy?: string }
      setProblem(remedy === undefined ? message : `${message} ${remedy}`)
    }
    setBusy(false)
  }
  return (
    <main class="sign-in">
      <form onSubmit={submit} aria-busy={busy}>
        <h1>Sign in to FomularOS</h1>
        {signedOutBecause.value !== undefined && <p role="status">{signedOutBecause.value}</p>}
        <p>
          On the hub’s machine, <code>fomular-daemon open</code> signs you in without a key.
        </p>
        <label>
          User key
          <input
            type="password"
            name="key"
            autocomplete="current-password"
            spellcheck={false}
            aria-describedby="sign-in-help"
            aria-invalid={problem !== undefined}
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        <p id="sign-in-help" class="sign-in-help">
          An admin of the hub creates a key for you:{' '}
          <code>fomular-daemon hub key create NAME --role ROLE</code>
        </p>
        {problem !== undefined && (
          <p role="alert" class="sign-in-problem">
            {problem}
          </p>
        )}
        <Button type="submit" look="main" disabled={busy}>
          Sign in
        </Button>
      </form>
    </main>
  )
}
