import { signal } from '@preact/signals'
import { tokenIn } from './token-in.ts'

/** The one-time token with which the browser has arrived, until it is used. */
export const arrivalToken = signal<string>()

/** Takes a token out of the address, so that it stays neither there nor in the browser's history. */
function take() {
  const token = tokenIn(location.hash)
  if (token === undefined) return
  history.replaceState(null, '', '#/')
  arrivalToken.value = token
}

// The main module imports this module before all others, so that no other code sees the token.
take()
addEventListener('hashchange', take)
